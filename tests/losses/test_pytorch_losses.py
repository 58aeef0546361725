"""Every loss of torch.nn.functional is here, by its name and with its arguments."""

import inspect

import pytest

from microloss import losses

# PyTorch 2.13's torch.nn.functional: names that end in _loss, the cross-entropies and kl_div, but
# linear_cross_entropy, which is a layer and a loss in one. Arguments that are left out here: the
# deprecated size_average and reduce, and weight of l1_loss, mse_loss and huber_loss, for which
# reduction="none" and your own weighted mean serve.
PYTORCH = """
binary_cross_entropy: input target weight reduction
binary_cross_entropy_with_logits: input target weight reduction pos_weight
cosine_embedding_loss: input1 input2 target margin reduction
cross_entropy: input target weight ignore_index reduction label_smoothing
ctc_loss: log_probs targets input_lengths target_lengths blank reduction zero_infinity
gaussian_nll_loss: input target var full eps reduction
hinge_embedding_loss: input target margin reduction
huber_loss: input target reduction delta
kl_div: input target reduction log_target
l1_loss: input target reduction
margin_ranking_loss: input1 input2 target margin reduction
mse_loss: input target reduction
multi_margin_loss: input target p margin weight reduction
multilabel_margin_loss: input target reduction
multilabel_soft_margin_loss: input target weight reduction
nll_loss: input target weight ignore_index reduction
poisson_nll_loss: input target log_input full eps reduction
smooth_l1_loss: input target reduction beta
soft_margin_loss: input target reduction
triplet_margin_loss: anchor positive negative margin p eps swap reduction
triplet_margin_with_distance_loss: anchor positive negative distance_function margin swap reduction
"""
ROWS = dict(line.split(": ") for line in PYTORCH.strip().splitlines())


@pytest.mark.parametrize("name", ROWS)
def test_a_loss_of_pytorch_has_its_arguments(name):
    ours = inspect.signature(losses.LOSSES[name]).parameters
    assert set(ROWS[name].split()) <= set(ours)


def test_none_is_missing():
    functional = pytest.importorskip("torch.nn.functional")
    theirs = {
        name
        for name in dir(functional)
        if name.endswith(("_loss", "cross_entropy", "cross_entropy_with_logits"))
        or name == "kl_div"
    }
    assert theirs - {"linear_cross_entropy"} <= set(ROWS)
