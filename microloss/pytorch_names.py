"""PyTorch's names and ours, in one table: error messages and the course's README are made of it.

{} in a replacement stands for the name itself. Options end with "=", so that dim= is not t.dim().
Names that mean the same in both are not listed.
"""

__all__ = ["PYTORCH", "hint", "markdown", "no_attribute"]

PYTORCH = {  # section -> rows of (PyTorch's names, what to write here, why)
    "Tensor methods": (
        (
            "exp exp2 expm1 log log2 log10 log1p sqrt square reciprocal sign abs sin cos tan sinh "
            "cosh tanh floor ceil isnan isinf isfinite sort flip tril triu",
            "np.{}(t)",
            "",
        ),
        ("relu sigmoid softmax log_softmax logsumexp norm erf", "F.{}(t)", ""),
        ("numpy", "t.data", ""),
        ("view", "t.reshape(-1)", ""),
        ("permute", "t.transpose(1, 0)", "transpose takes all axes, as in NumPy"),
        ("t", "t.T", ""),
        ("unsqueeze", "np.expand_dims(t, 0)", "or t[None]"),
        ("expand", "np.broadcast_to(t, (2, 2))", "most operations broadcast by themselves"),
        ("dim", "t.ndim", "the option dim= is axis="),
        ("numel", "t.size", ""),
        ("float", "t.astype(np.float32)", ""),
        ("double", "t.astype(np.float64)", ""),
        ("to type", "t.astype(np.float32)", "there is no device to choose"),
        ("cpu cuda", "t", "everything runs on the CPU"),
        ("clone contiguous", "t.copy()", ""),
        ("pow", "t**2", ""),
        ("add sub mul div mm bmm matmul", "t + t, t - t, t * t, t / t, t @ t", ""),
        ("roll", "np.roll(t, 1)", ""),
        ("moveaxis", "np.moveaxis(t, 0, 1)", ""),
        ("clamp", "np.clip(t, 0, 1)", ""),
        ("masked_fill", "np.where(t > 0, 0.0, t)", ""),
        ("index_select", "t[[0, 1]]", ""),
        ("gather", "np.take_along_axis(t, np.zeros((2, 1), int), axis=1)", ""),
        ("split chunk", "np.split(t, 2)", ""),
        ("add_ sub_ mul_ div_ zero_ fill_ copy_ clamp_", "t.data = new_values", "not recorded"),
        ("requires_grad_", "t.requires_grad = True", ""),
        ("grad_fn", "t.op", "the name of the operation"),
    ),
    "torch": (
        ("tensor", "ml.Tensor([1.0, 2.0])", ""),
        ("from_numpy as_tensor", "ml.Tensor(array)", "it copies"),
        ("zeros ones eye arange linspace full", "np.{}", "arrays mix with Tensors"),
        ("manual_seed Generator", "rng = np.random.default_rng(0)", ""),
        ("rand", "rng.random((2, 3))", ""),
        ("randn", "rng.standard_normal((2, 3))", ""),
        ("randint", "rng.integers(10, size=3)", ""),
        ("randperm", "rng.permutation(3)", ""),
        ("cat concat", "np.concatenate([t, t])", ""),
        ("stack where maximum minimum einsum outer isclose allclose", "np.{}", ""),
        ("asin acos atan atan2", "np.arcsin, np.arccos, np.arctan, np.arctan2", ""),
        ("inference_mode", "ml.no_grad()", ""),
        ("autograd", "ml.grad, ml.jacobian, ml.hessian", ""),
        ("DataLoader TensorDataset", "training.batches(n, batch_size, rng)", ""),
        ("lr_scheduler", "optim", "schedules and optimizers stand side by side"),
    ),
    "nn": (
        ("Parameter", "ml.Tensor(array, requires_grad=True)", ""),
        ("ModuleList ParameterList", "a plain list", "its Modules and Tensors are registered"),
        ("ModuleDict ParameterDict", "a plain dict", "its Modules and Tensors are registered"),
        ("Softmax LogSoftmax", "F.softmax(t, axis=-1), F.log_softmax(t, axis=-1)", ""),
        ("LogSigmoid", "F.log_sigmoid(t)", ""),
        ("Flatten", "t.reshape(len(t), -1)", ""),
        ("BatchNorm1d BatchNorm2d", "nn.LayerNorm(width)", "it normalises each example by itself"),
        ("init", "nn.kaiming_uniform_, nn.xavier_uniform_", ""),
        ("utils", "optim.clip_grad_norm_, optim.clip_grad_value_", ""),
    ),
    "losses": (
        ("L1Loss", "losses.l1_loss", ""),
        ("MSELoss", "losses.mse_loss", ""),
        ("SmoothL1Loss", "losses.smooth_l1_loss", ""),
        ("HuberLoss", "losses.huber_loss", ""),
        ("CrossEntropyLoss", "losses.cross_entropy", ""),
        ("NLLLoss", "losses.nll_loss", ""),
        ("BCELoss", "losses.binary_cross_entropy", ""),
        ("BCEWithLogitsLoss", "losses.binary_cross_entropy_with_logits", ""),
        ("KLDivLoss", "losses.kl_div", ""),
        ("PoissonNLLLoss", "losses.poisson_nll_loss", ""),
        ("GaussianNLLLoss", "losses.gaussian_nll_loss", ""),
        ("SoftMarginLoss", "losses.soft_margin_loss", ""),
        ("MultiMarginLoss", "losses.multi_margin_loss", ""),
        ("HingeEmbeddingLoss", "losses.hinge_embedding_loss", ""),
        ("CosineEmbeddingLoss", "losses.cosine_embedding_loss", ""),
        ("MarginRankingLoss", "losses.margin_ranking_loss", ""),
        ("TripletMarginLoss", "losses.triplet_margin_loss", ""),
        ("CTCLoss", "losses.ctc_loss", ""),
    ),
    "torch.nn.functional": (
        (
            "l1_loss mse_loss smooth_l1_loss huber_loss cross_entropy nll_loss "
            "binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss "
            "gaussian_nll_loss soft_margin_loss multi_margin_loss hinge_embedding_loss "
            "cosine_embedding_loss margin_ranking_loss triplet_margin_loss ctc_loss",
            "losses.{}",
            "",
        ),
        ("logsigmoid", "F.log_sigmoid(t)", ""),
        ("normalize", "t / F.norm(t, axis=-1, keepdims=True)", ""),
        ("layer_norm", "nn.LayerNorm(width)", ""),
        ("embedding", "nn.Embedding(symbols, width, rng=rng)", ""),
    ),
    "options": (
        ("dim=", "axis=", ""),
        ("keepdim=", "keepdims=", ""),
        ("unbiased= correction=", "nothing", "var and std divide by n here, and by n - 1 there"),
        ("device=", "nothing", "everything runs on the CPU"),
        ("inplace=", "nothing", "functions leave their arguments alone"),
        ("generator=", "rng=", ""),
    ),
}


def hint(name: str) -> str:
    """What replaces PyTorch's `name`, ready to be appended to a message; "" for other names.

    >>> hint("unsqueeze")
    "; for PyTorch's unsqueeze use np.expand_dims(t, 0) (or t[None])"
    >>> hint("nonsense")
    ''
    """
    for rows in PYTORCH.values():
        for names, ours, why in rows:
            if name in names.split():
                ours = ours.format(name)
                return f"; for PyTorch's {name} use {ours}" + (f" ({why})" if why else "")
    return ""


def no_attribute(owner: str, name: str) -> AttributeError:
    """The error for an attribute that `owner` does not have, with the hint.

    >>> print(no_attribute("microloss.nn", "MSELoss"))
    microloss.nn has no attribute 'MSELoss'; for PyTorch's MSELoss use losses.mse_loss
    """
    return AttributeError(f"{owner} has no attribute {name!r}{hint(name)}")


def markdown() -> str:
    """The table as Markdown, section by section, for those who come from PyTorch or go there."""
    lines = ["| PyTorch | microloss |", "|---|---|"]
    for section, rows in PYTORCH.items():
        lines.append(f"| **{section}** | |")
        for names, ours, why in rows:
            theirs = ", ".join(f"`{name}`" for name in names.split())
            ours = ours if ours.startswith(("a plain", "nothing")) else f"`{ours.format('f')}`"
            lines.append(f"| {theirs} | {ours}{why and f' ({why})'} |")
    return "\n".join(lines)
