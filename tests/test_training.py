"""The training loop: what it records, when it stops, and that accumulation is exact."""

import numpy as np
import pytest

import microloss as ml
from microloss import datasets, nn, optim
from microloss.losses import cross_entropy, mse_loss
from microloss.training import batches, fit

X, Y = datasets.make_blobs(60, seed=0)
VX, VY = datasets.make_blobs(30, seed=1)


def start(lr=0.1, **options):
    model = nn.MLP(2, 8, 3, rng=0)
    return model, optim.SGD(model.parameters(), lr=lr, **options)


def run(model, optimizer, **options):
    options = {"epochs": 4, "rng": np.random.default_rng(0)} | options
    return fit(model, cross_entropy, optimizer, X, Y, **options)


def test_batches_cover_everything_once():
    parts = list(batches(10, 4, np.random.default_rng(0)))
    assert sorted(np.concatenate(parts)) == list(range(10))
    assert [len(part) for part in parts] == [4, 4, 2]


def test_one_full_batch_epoch_equals_a_step_by_hand():
    model, optimizer = start()
    by_hand, hand = start()
    history = run(model, optimizer, epochs=1, batch_size=60)
    loss = cross_entropy(by_hand(X), Y)
    loss.backward()
    hand.step()
    assert history.train[0] == pytest.approx(loss.item(), rel=1e-12)
    for p, q in zip(model.parameters(), by_hand.parameters()):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


def test_accumulation_equals_one_large_batch_also_when_the_last_is_smaller():
    one, many = start(), start()
    run(*one, epochs=3, batch_size=28, rng=np.random.default_rng(5))
    run(*many, epochs=3, batch_size=7, accumulate=4, rng=np.random.default_rng(5))
    for p, q in zip(one[0].parameters(), many[0].parameters()):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-10)


def test_history():
    model, optimizer = start()
    accuracy = lambda output, y: np.mean(output.argmax(axis=1) == y)
    seen = []
    history = run(
        model,
        optimizer,
        validation=(VX, VY),
        metrics={"accuracy": accuracy},
        schedule=optim.ExponentialLR(optimizer, 0.5),
        callbacks=[lambda epoch, model, history: seen.append(epoch)],
    )
    assert len(history.train) == len(history.val) == len(history.metrics["accuracy"]) == 4
    assert history.lr == [0.1, 0.05, 0.025, 0.0125] and seen == [0, 1, 2, 3]
    assert history.val[history.best_epoch] == min(history.val)
    assert not model.training and model.parameters()[0].requires_grad


def test_early_stopping_goes_back_to_the_best_weights():
    model, optimizer = start(lr=0.1)
    kept = {}

    def worsen(epoch, model, history):
        kept[epoch] = model.state_dict()
        if epoch >= 2:
            optimizer.param_groups[0]["lr"] = 3.0  # from here on it can only get worse

    history = run(model, optimizer, epochs=50, validation=(VX, VY), patience=3, callbacks=[worsen])
    assert history.stopped_early and len(history.val) == history.best_epoch + 4
    best = kept[history.best_epoch]
    assert all(np.array_equal(best[k], v) for k, v in model.state_dict().items())


def test_a_callback_can_stop():
    history = run(*start(), epochs=9, callbacks=[lambda epoch, *_: epoch == 1])
    assert len(history.train) == 2


def test_sam_takes_two_gradients_in_each_step():
    model, optimizer = start()
    history = run(model, optim.SAM(optimizer, rho=0.05), epochs=5)
    assert history.train[-1] < history.train[0]


def test_plateau_schedule_reads_the_validation_loss():
    model, optimizer = start(lr=0.0)
    schedule = optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    optimizer.param_groups[0]["lr"] = 1e-12
    history = run(model, optimizer, validation=(VX, VY), schedule=schedule)
    assert history.lr[-1] == 1e-12 * 0.25


def test_progress_is_one_line(capsys):
    run(*start(), epochs=2, progress=True)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "epoch 2/2" in printed


def test_divergence_is_told():
    line = nn.Linear(1, 1, rng=0)
    optimizer = optim.SGD(line.parameters(), lr=1e6)
    x = np.ones((8, 1)) * 1e3
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="learning rate"):
        fit(line, mse_loss, optimizer, x, x, epochs=100, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"patience": 2}, "validation"),
        ({"metrics": {"a": len}}, "validation"),
        ({"batch_size": 0}, r"batch_size must be .* got 0; for one batch of everything"),
        ({"batch_size": -1}, "batch_size must be .* got -1"),
        ({"batch_size": 2.5}, r"batch_size must be .* got 2\.5"),
        ({"batch_size": None}, "batch_size must be .* got None"),
        ({"accumulate": 0}, "accumulate must be .* got 0"),
        ({"accumulate": 1.5}, r"accumulate must be .* got 1\.5"),
        ({"epochs": -1}, "epochs must be .* got -1"),
        ({"patience": 0, "validation": (VX, VY)}, "patience must be .* got 0"),
        ({"validation": (VX, VY[1:])}, "validation X has 30 rows, validation y has 29"),
        ({"validation": (VX[:0], VY[:0])}, "validation X is empty"),
    ],
)
def test_errors(options, words):
    model, optimizer = start()
    before = model.state_dict()
    with pytest.raises(ValueError, match=words):
        run(model, optimizer, **options)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    "data, words",
    [
        ((X, Y[:-1]), "X has 60 rows, y has 59"),
        ((X[:0], Y[:0]), "X is empty"),
        ((1.0, Y), "X must"),
    ],
)
def test_data_that_do_not_fit(data, words):
    with pytest.raises(ValueError, match=words):
        fit(start()[0], cross_entropy, start()[1], *data, epochs=1, rng=0)


def test_lists_and_seeds():
    one, two = start(), start()
    run(*one, epochs=2, rng=np.random.default_rng(3))
    fit(*(two[0], cross_entropy, two[1]), X.tolist(), Y.tolist(), epochs=2, rng=np.int64(3))
    for p, q in zip(one[0].parameters(), two[0].parameters()):
        assert np.array_equal(p.data, q.data)
    with pytest.raises(TypeError, match="fit: rng must be a seed"):
        run(*start(), rng=None)


def test_an_optimizer_of_other_parameters_is_refused():
    with pytest.raises(ValueError, match="none of the model's parameters"):
        run(start()[0], start()[1])
    model, optimizer = start()
    with pytest.raises(ValueError, match="another optimizer"):
        run(model, optimizer, schedule=optim.ExponentialLR(start()[1], 0.5))
    sam = optim.SAM(optimizer)
    run(model, sam, epochs=1, schedule=optim.ExponentialLR(optimizer, 0.5))
    run(model, optim.SGD(model[2].parameters(), lr=0.1), epochs=1)  # fine-tuning the last layer


def interrupt(at):
    def callback(epoch, model, history):
        if epoch == at:
            raise KeyboardInterrupt

    return callback


def test_an_interrupt_keeps_the_history_and_the_best_weights():
    model, optimizer = start(lr=0.1)
    kept = []

    def worsen(epoch, model, history):
        kept.append(model.state_dict())
        optimizer.param_groups[0]["lr"] = 0.1 if epoch < 2 else 30.0

    history = run(
        model, optimizer, epochs=50, validation=(VX, VY), patience=40,
        callbacks=[worsen, interrupt(6)],
    )  # fmt: skip
    assert history.interrupted and not history.stopped_early and len(history.train) == 7
    assert history.best_epoch < 6
    for name, values in kept[history.best_epoch].items():
        assert np.array_equal(model.state_dict()[name], values)
    assert not model.training
    assert not run(*start(), epochs=1).interrupted


def test_an_interrupt_while_validating_leaves_no_half_epoch():
    def metric(output, y):
        raise KeyboardInterrupt

    history = run(*start(), validation=(VX, VY), metrics={"m": metric})
    assert history.interrupted and history.train == history.val == history.metrics["m"] == []


def test_only_true_from_a_callback_stops():
    results = iter([1.0, "text", np.float64(3), 7, None, np.bool(True), 0])
    history = run(*start(), epochs=20, callbacks=[lambda *_: next(results)])
    assert len(history.train) == 6


def test_saddle_free_newton_trains_in_batches():
    model = nn.Linear(2, 3, rng=0)
    optimizer = optim.SaddleFreeNewton(model.parameters(), lr=1.0, damping=0.1)
    again = nn.Linear(2, 3, rng=0)
    history = run(model, optimizer, epochs=3, batch_size=15, accumulate=4)
    assert history.train[-1] < 0.7 * history.train[0]
    optimizer = optim.SaddleFreeNewton(again.parameters(), lr=1.0, damping=0.1)
    for _ in range(3):
        optimizer.step(lambda: cross_entropy(again(X), Y))
    np.testing.assert_allclose(model.weight.data, again.weight.data, rtol=1e-8)


class NanAt:
    """Cross-entropy, but nan in evaluation at some epochs."""

    def __init__(self, model, epochs):
        self.model, self.epochs, self.epoch = model, epochs, 0

    def __call__(self, output, y):
        value = cross_entropy(output, y)
        if self.model.training:
            return value
        self.epoch += 1
        return value * np.nan if self.epoch - 1 in self.epochs else value


def test_nan_is_worse_than_any_number():
    model, optimizer = start()
    kept = {}
    history = fit(
        model, NanAt(model, {0, 4, 5}), optimizer, X, Y, epochs=6, rng=0, validation=(VX, VY),
        patience=3, callbacks=[lambda epoch, model, _: kept.update({epoch: model.state_dict()})],
    )  # fmt: skip
    assert np.isnan(history.val[0]) and history.best_epoch == 3 and len(history.val) == 6
    assert np.array_equal(model.state_dict()["0.weight"], kept[3]["0.weight"])


def test_a_validation_loss_that_is_always_nan_is_reported():
    model, optimizer = start()
    with pytest.warns(RuntimeWarning, match="validation loss was nan after every epoch"):
        history = fit(
            model, NanAt(model, range(9)), optimizer, X, Y, epochs=9, rng=0, validation=(VX, VY),
            patience=3,
        )  # fmt: skip
    assert history.best_epoch is None and history.stopped_early and len(history.val) == 3


def test_weights_go_back_when_the_training_breaks():
    model, optimizer = start()
    kept = []

    def breaks(epoch, model, history):
        kept.append(model.state_dict())
        optimizer.param_groups[0]["lr"] = 1e300

    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="training loss"):
        run(model, optimizer, epochs=9, validation=(VX, VY), patience=5, callbacks=[breaks])
    assert np.array_equal(model.state_dict()["0.weight"], kept[0]["0.weight"])


def test_no_graph_is_kept_for_validation():
    model, optimizer = start()
    run(model, optimizer, epochs=1, validation=(VX, VY))
    assert isinstance(model(VX), ml.Tensor) and model(VX).requires_grad
