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
    [({"patience": 2}, "validation"), ({"metrics": {"a": len}}, "validation")],
)
def test_errors(options, words):
    with pytest.raises(ValueError, match=words):
        run(*start(), **options)
    with pytest.raises(ValueError, match="60"):
        model, optimizer = start()
        fit(model, cross_entropy, optimizer, X, Y[:-1], epochs=1, rng=np.random.default_rng(0))


def test_no_graph_is_kept_for_validation():
    model, optimizer = start()
    run(model, optimizer, epochs=1, validation=(VX, VY))
    assert isinstance(model(VX), ml.Tensor) and model(VX).requires_grad
