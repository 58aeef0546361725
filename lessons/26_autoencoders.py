"""Lesson 26. Autoencoders

An autoencoder learns pictures without labels: it squeezes each into a few numbers, its code, and
rebuilds the picture from them. What it rebuilds badly is probably unlike all it has seen.

Lesson 25 had a mask for a target; here the target is the input. Then a penalty, KL (lesson 13),
puts the codes where we can find them, to draw new digits. Is it needed for that? And what does its
weight, beta, decide?
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import (
    COLOR,
    args,
    begin,
    claim,
    exercises,
    formula,
    predict,
    save,
    say,
    sweep,
    table,
    takeaway,
)

from microloss import Tensor, grad, no_grad
from microloss.datasets import load_digits, train_test_split
from microloss.functional import logsumexp, xlogy
from microloss.losses import gaussian_kl, mse_loss
from microloss.metrics import roc_auc
from microloss.nn import MLP, Module, Sequential
from microloss.optim import Adam
from microloss.training import fit

rng = begin()
X, y = load_digits()
images, test, labels, digits = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)


def error(rebuilt, pictures):
    """Squared error, summed over the pixels (the last axis)."""
    return ((rebuilt - pictures) ** 2).sum(axis=-1)


def train_plain(width, pictures, epochs, rate, rng):
    """An autoencoder with a code of `width` numbers: [encoder, decoder]."""
    model = Sequential(MLP(64, 64, width, rng=rng), MLP(width, 64, 64, rng=rng))
    optimizer = Adam(model.parameters(), lr=rate)
    fit(model, mse_loss, optimizer, pictures, pictures, epochs=epochs, rng=rng, batch_size=64)
    return model


predict("""
    Two autoencoders learn all digits but one. A code has 64 numbers in the one, 4 in the other.
    Which rebuilds new pictures better? Which gives away, by a large error, the digit it never met?
    (ROC AUC: how often a picture of the stranger has a larger error than one of a known digit.)
""")

# %% Strangers

areas = {64: [], 4: []}
errors = {64: [], 4: []}
strangers = {64: [], 4: []}
for width in (64, 4):
    for stranger in range(10):
        model = train_plain(width, images[labels != stranger], epochs=12, rate=0.005, rng=rng)
        rebuilt = model(test).data
        misfit = error(rebuilt, test)
        strange = digits == stranger
        areas[width].append(roc_auc(misfit, strange))
        errors[width].append(misfit[~strange].mean())
        strangers[width].append(rebuilt[strange][0])
claim(
    "A code of 64 numbers rebuilds known digits with less than half the error of one of 4",
    np.mean(errors[64]) < np.mean(errors[4]) / 2,
    f"squared error {np.mean(errors[64]):.2f} against {np.mean(errors[4]):.2f}",
)
claim(
    "A code of 4 numbers tells strangers better: one of 64 copies them, too",
    np.mean(areas[4]) > max(0.85, np.mean(areas[64]) + 0.02),
    f"ROC AUC {np.mean(areas[4]):.2f} against {np.mean(areas[64]):.2f}, mean of ten strangers",
)
by_area = np.argsort(areas[4])
claim(
    "Some strangers hide among the known digits: the best and the worst told differ by 0.06",
    areas[4][by_area[-1]] - areas[4][by_area[0]] > 0.06,
    f"{areas[4][by_area[0]]:.2f} for {by_area[0]}, {areas[4][by_area[-1]]:.2f} for {by_area[-1]}",
)


def squared_distances(pictures):
    """To each training image, (pictures, images)."""
    squares = (pictures**2).sum(axis=1)[:, None] + (images**2).sum(axis=1)
    return np.maximum(squares - 2 * pictures @ images.T, 0)


apart = squared_distances(test)
lookup = np.mean([roc_auc(apart[:, labels != d].min(axis=1), digits == d) for d in range(10)])
claim(
    "The distance to the nearest known picture, a look-up without learning, tells strangers better "
    "than a code of 4 numbers",
    lookup > np.mean(areas[4]),
    f"ROC AUC {lookup:.2f}",
)

# %% A code to draw from

say("""
That look-up keeps all pictures, and draws none. To draw a new digit, decode a random code; but
where do codes lie? A variational autoencoder (VAE; Kingma and Welling 2014, Auto-encoding
variational Bayes) decides that beforehand. It is a model of how pictures come about: a code z comes
from N(0, 1), and a picture x is decoder(z) plus noise of standard deviation s on each pixel. We
want the likelihood of the pictures, log p(x), but it is an integral over all codes. So the encoder
proposes codes for x, a Gaussian q(z) = N(mu, sigma^2), and a lower bound follows (ELBO, evidence
lower bound):
""")
formula(
    """
    log p(x)  = log of the mean over q of  p(x|z) p(z) / q(z)
              >= mean over q of  log p(x|z) + log p(z) - log q(z)       (Jensen: log is concave)
              = mean over q of log p(x|z)  -  KL(q(z) || p(z))          ELBO
    log p(x) - ELBO  =  KL(q(z) || p(z|x)) >= 0

    -log p(x|z) = |x - decoder(z)|^2 / (2 s^2) + a constant.  So -2 s^2 ELBO is, but for a constant,
    loss      = mean over q of |x - decoder(z)|^2  +  beta KL(q || N(0, 1)),    beta = 2 s^2
    """,
    tex=r"\begin{aligned}\log p(x) &= \log \mathbb{E}_{q} \frac{p(x|z)\,p(z)}{q(z)} \ge "
    r"\mathbb{E}_{q} \left[\log p(x|z) + \log \frac{p(z)}{q(z)}\right] \\ &= "
    r"\mathbb{E}_{q} \log p(x|z) - \mathrm{KL}(q(z)\,\|\,p(z)) = \mathrm{ELBO} \\ "
    r"\log p(x) - \mathrm{ELBO} &= \mathrm{KL}(q(z)\,\|\,p(z|x)) \\ "
    r"\text{loss} &= \mathbb{E}_{q}\,\lVert x - \mathrm{decoder}(z) \rVert^2 + "
    r"\beta\,\mathrm{KL}(q\,\|\,N(0, 1)), \qquad \beta = 2 s^2\end{aligned}",
)
say("""
This KL has a closed form, the mean of log N(z; mu, sigma^2) - log N(z; 0, 1). Check it by draws.
""")
mu = rng.normal(size=(8, 2))
logvar = rng.normal(size=(8, 2))
noise = rng.normal(size=(20000, 8, 2))
z = mu + np.exp(logvar / 2) * noise
surplus = ((z**2 - noise**2 - logvar) / 2).sum(axis=2)  # noise is (z - mu) / sigma
standard_error = surplus.std(axis=0) / np.sqrt(len(z))
off = np.abs(surplus.mean(axis=0) - gaussian_kl(mu, logvar, reduction="none")) / standard_error
claim(
    "The closed form of the Gaussian KL agrees with the mean over draws, for 8 Gaussians",
    off.max() < 4.5,
    f"within {off.max():.1f} standard errors",
)
predict("A draw is random. What is its derivative with respect to mu, and to sigma?")

# %% The derivative of a draw

say("""
rng.normal(mu, sigma) has none. The reparameterisation trick: z = mu + sigma noise, the noise drawn
from N(0, 1), has the derivatives 1 and noise. To check them, take the mean of z^2, which is
mu^2 + sigma^2.
""")
mu = Tensor(np.full(100_000, 0.5), requires_grad=True)
sigma = Tensor(np.full(100_000, 0.8), requires_grad=True)
z = mu + sigma * rng.normal(size=100_000)
slopes = np.array(grad((z**2).sum(), [mu, sigma]))  # of each draw
standard_error = slopes.std(axis=1) / np.sqrt(100_000)
off = np.abs(slopes.mean(axis=1) - [2 * 0.5, 2 * 0.8]) / standard_error
claim(
    "For mu = 0.5, sigma = 0.8 the mean slopes of z^2 through the draws are 2 mu and 2 sigma",
    off.max() < 4.5,
    f"{slopes[0].mean():.3f} and {slopes[1].mean():.3f}, within {off.max():.1f} standard errors",
)


class VAE(Module):
    """Pictures -> rebuilt pictures, and mu and log sigma^2 of their codes."""

    def __init__(self, width, rng):
        self.encoder = MLP(64, 64, 2 * width, rng=rng)
        self.decoder = MLP(width, 64, 64, rng=rng)
        self.rng = rng

    def forward(self, pictures):
        mu, logvar = np.split(self.encoder(pictures), 2, axis=1)
        z = mu + np.exp(logvar / 2) * self.rng.normal(size=mu.shape)
        return self.decoder(z), mu, logvar


EPOCHS = 40
RATE = 0.005


def train_vae(width, beta):
    def loss(output, pictures):
        rebuilt, mu, logvar = output
        return error(rebuilt, pictures).mean() + beta * gaussian_kl(mu, logvar)

    start = np.random.default_rng([args.seed, width])  # the same for each beta
    model = VAE(width, start)
    optimizer = Adam(model.parameters(), lr=RATE)
    fit(model, loss, optimizer, images, images, epochs=EPOCHS, rng=start, batch_size=64)
    return model


BETA = 0.2
flat = train_vae(2, BETA)

# %% Is it a bound?

say("""
With a code of two numbers the integral can be done after all, on a grid in the plane: log p(x), the
true distribution p(z|x) of the codes of a picture, and the ELBO, for 100 test pictures.
""")
VARIANCE = BETA / 2  # s^2, the noise that this beta stands for
ticks = np.arange(-5, 5, 0.04)
grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
cell = 0.04**2
pictures = test[:100]
with no_grad():
    drawn = flat.decoder(grid).data
    _, mu, logvar = flat(pictures)
mu = mu.data
logvar = logvar.data


def log_normal(squared_distance, variance, size):
    """The log density of a Gaussian in `size` dimensions with one variance."""
    return -(squared_distance / variance + size * np.log(2 * np.pi * variance)) / 2


squared = (
    (pictures**2).sum(axis=1)[:, None] + (drawn**2).sum(axis=1) - 2 * pictures @ drawn.T
)  # (100, grid)
log_likelihood = log_normal(squared, VARIANCE, 64)
log_prior = log_normal((grid**2).sum(axis=1), 1, 2)
log_p = logsumexp(log_likelihood + log_prior, axis=1) + np.log(cell)
log_posterior = log_likelihood + log_prior - log_p[:, None]
sigma = np.exp(logvar / 2)
scaled = ((grid - mu[:, None]) / sigma[:, None]) ** 2
log_q = log_normal(scaled.sum(axis=2), 1, 2) - logvar.sum(axis=1)[:, None] / 2
q = np.exp(log_q) * cell
elbo = (q * log_likelihood).sum(axis=1) - gaussian_kl(mu, logvar, reduction="none")
gap = log_p - elbo
kl_to_posterior = (q * (log_q - log_posterior)).sum(axis=1)
claim(
    "The ELBO lies below the log-likelihood of each of 100 pictures",
    (gap > 0).all(),
    f"by {gap.min():.2f} to {gap.max():.2f} nats",
)
claim(
    "What the ELBO lacks is the KL from q to the true distribution of the codes",
    np.abs(gap - kl_to_posterior).max() < 0.02,
    f"off by {np.abs(gap - kl_to_posterior).max():.0e} nats at most, mean gap {gap.mean():.2f}",
)
predict("""
    Draw 2,000 pictures from N(0, 1) codes of the VAE. The rival: plain autoencoders, with random
    codes from a Gaussian of the mean and covariance of their codes. How far is a drawn picture from
    the nearest real one, for codes of two numbers, and of eight? Who draws nearer?
""")

# %% Who draws digits?

say("""
A new real digit has a nearest picture, too: its distance is what can be hoped for. The mean picture
is the simplest drawing. Distance alone would praise a model that repeats one digit, so we look at
the labels of the nearest pictures as well: exp(entropy) of their shares is 10 if all digits are
drawn equally often, 1 if one digit is all there is (evenness). A third rival has no network: a
Gaussian along the first eight principal components. All networks are trained alike. For the error
of rebuilding, the code of a picture is the middle of its Gaussian, mu.
""")
DRAWS = 2000


class Drawn:
    """How near pictures are to real ones, and how evenly they spread over the digits."""

    def __init__(self, pictures):
        self.pictures = pictures
        squared = squared_distances(pictures)
        self.distance = np.sqrt(squared.min(axis=1)).mean()
        shares = np.bincount(labels[squared.argmin(axis=1)], minlength=10) / len(pictures)
        self.evenness = np.exp(-xlogy(shares, shares).sum())


def rebuild(model):
    """Test pictures from the middle of their codes."""
    with no_grad():
        mu, _ = np.split(model.encoder(test), 2, axis=1)
        return model.decoder(mu).data


def draw_plain(model):
    codes = model[0](images).data
    drawn_codes = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), size=DRAWS)
    return Drawn(model[1](drawn_codes).data)


def draw_vae(model, width):
    return Drawn(model.decoder(rng.normal(size=(DRAWS, width))).data)


def told(model):
    """KL of each number of the code, on test pictures: what it tells, in nats."""
    with no_grad():
        _, mu, logvar = model(test)
    return ((mu.data**2 + np.exp(logvar.data) - 1 - logvar.data) / 2).mean(axis=0)


BETAS = (0.05, 0.1, 0.2, 0.5, 1, 2)
WIDTHS = (2, 3, 4, 6, 8)
models = {beta: train_vae(8, beta) for beta in BETAS}
plain = {}
for width in WIDTHS:
    start = np.random.default_rng([args.seed, width])
    plain[width] = train_plain(width, images, EPOCHS, RATE, start)
components = np.linalg.eigh(np.cov(images.T))
directions = components.eigenvectors[:, -8:] * np.sqrt(components.eigenvalues[-8:])
of_components = images.mean(axis=0) + rng.normal(size=(DRAWS, 8)) @ directions.T
drawings = {
    "real test digits": Drawn(test),
    "mean picture": Drawn(images.mean(axis=0)[None]),
    "8 principal components": Drawn(of_components),
}
rebuilt = {}
for width, model in plain.items():
    drawings[f"plain, {width} numbers"] = draw_plain(model)
    rebuilt[f"plain, {width} numbers"] = error(model(test).data, test).mean()
for width, model in ((2, flat), (8, models[BETA])):
    drawings[f"VAE, {width} numbers"] = draw_vae(model, width)
    rebuilt[f"VAE, {width} numbers"] = error(rebuild(model), test).mean()
table(
    ["drawn by", "distance to the nearest", "evenness", "error of rebuilding"],
    [
        (
            name,
            f"{drawing.distance:.2f}",
            f"{drawing.evenness:.1f}",
            f"{rebuilt[name]:.2f}" if name in rebuilt else "",
        )
        for name, drawing in drawings.items()
    ],
)
distance = {name: drawing.distance for name, drawing in drawings.items()}
plain_errors = [rebuilt[f"plain, {width} numbers"] for width in reversed(WIDTHS)]
plain_distances = [distance[f"plain, {width} numbers"] for width in reversed(WIDTHS)]
vae_distance = distance["VAE, 8 numbers"]
claim(
    "With eight numbers, the VAE draws nearer than the plain autoencoder, by more than 0.1",
    vae_distance < distance["plain, 8 numbers"] - 0.1,
    f"{vae_distance:.2f} and {distance['plain, 8 numbers']:.2f}",
)
lead = {
    width: distance[f"plain, {width} numbers"] - distance[f"VAE, {width} numbers"]
    for width in (2, 8)
}
claim(
    "The VAE is less far ahead of the plain autoencoder with two numbers than with eight",
    lead[2] < lead[8],
    f"by {lead[2]:.2f} and by {lead[8]:.2f}",
)
same_error = np.interp(rebuilt["VAE, 8 numbers"], plain_errors, plain_distances)
claim(
    "Plain autoencoders narrow enough to rebuild as badly as that VAE draw farther than it",
    same_error > vae_distance,
    f"{same_error:.2f} between two widths, {vae_distance:.2f} with the error "
    f"{rebuilt['VAE, 8 numbers']:.2f}",
)
claim(
    "With eight numbers, the VAE draws nearer than the Gaussian of as many principal components",
    vae_distance < distance["8 principal components"] - 0.1,
    f"{vae_distance:.2f} and {distance['8 principal components']:.2f}",
)
claim(
    "Draws of the VAE with eight numbers are farther from the nearest picture than new real digits",
    vae_distance > distance["real test digits"] + 0.05,
    f"{vae_distance:.2f} and {distance['real test digits']:.2f}",
)
say("""
In a plane the codes of all digits lie close together, and a Gaussian mostly meets them. With more
numbers it often misses: what it decodes between the codes is not a digit. A narrow code is a cure,
and it rebuilds badly. The VAE has another: its decoder learns to draw from blurred codes, and its
encoder lays them out for N(0, 1).
""")
predict("""
    Now beta from 0.05 to 2, with eight numbers. Does the VAE use all eight? At a high beta, what
    will a code tell, and what is drawn from it? Which beta draws nearest to real digits? And which
    has the best ELBO?
""")

# %% What beta decides

say("""
A beta other than 2 s^2 is called a beta-VAE (Higgins et al. 2017, beta-VAE: learning basic visual
concepts with a constrained variational framework). Either way beta is a price: each nat that the
code tells must lower the squared error by beta.
""")
kl = {}
in_use = {}
errors = {}
elbos = {}
draws = {}
for beta, model in models.items():
    by_number = told(model)
    kl[beta] = by_number.sum()
    in_use[beta] = np.count_nonzero(by_number > 0.05)
    errors[beta] = error(rebuild(model), test).mean()
    of_draws = error(model(test)[0].data, test).mean()  # mean over q, not from its middle
    elbos[beta] = log_normal(of_draws, beta / 2, 64) - kl[beta]  # with s^2 = beta / 2
    draws[beta] = draw_vae(model, 8)
table(
    ["beta", "error", "KL, nats", "numbers in use", "ELBO", "distance of draws", "evenness"],
    [
        (
            beta,
            f"{errors[beta]:.2f}",
            f"{kl[beta]:.2f}",
            in_use[beta],
            f"{elbos[beta]:.1f}",
            f"{draws[beta].distance:.2f}",
            f"{draws[beta].evenness:.1f}",
        )
        for beta in BETAS
    ],
)
claim(
    "The higher beta, the less the code tells, and the larger the error of rebuilding, up to 1",
    (np.diff(list(kl.values())[:5]) < 0).all() and (np.diff(list(errors.values())[:5]) > 0).all(),
    f"KL from {kl[0.05]:.1f} to {kl[1]:.2f} nats, error from {errors[0.05]:.2f} to {errors[1]:.2f}",
)
claim(
    "At beta = 0.5 the VAE uses fewer than all eight numbers of its code",
    in_use[0.5] < 8,
    f"{in_use[0.5]} of them tell more than 0.05 nats",
)
claim(
    "A beta between draws nearest: both 0.05 and 1 draw farther than 0.2, by more than 0.05",
    min(draws[0.05].distance, draws[1].distance) > draws[0.2].distance + 0.05,
    f"{draws[0.05].distance:.2f}, {draws[0.2].distance:.2f} and {draws[1].distance:.2f}",
)
claim(
    "The ELBO prefers 0.05 to 0.2: the likelihood and the draws want different betas",
    elbos[0.05] > elbos[0.2] + 5,
    f"{elbos[0.05] - elbos[0.2]:.0f} nats a picture better",
)
claim(
    "At beta = 2 the code tells nothing (posterior collapse)",
    kl[2] < 0.01,
    f"{kl[2]:.4f} nats",
)
off = np.abs(draws[2].pictures - images.mean(axis=0)).mean()
claim(
    "At beta = 2 every code draws the mean picture",
    off < 0.03,
    f"{off:.3f} off a pixel",
)
say("""
Where does silence begin? To tell a small share r of a direction with variance v saves r v of the
error, and costs beta r / 2 in KL. So it pays if v > beta / 2, for a linear decoder (Lucas et al.
2019, Don't blame the ELBO!), and for a very small share any good decoder is nearly
linear. The largest v is the top eigenvalue of the pictures' covariance matrix.
""")
variances = components.eigenvalues[:-9:-1]  # the eight largest
limit = 2 * variances[0]
claim(
    "The code tells more than 0.3 nats at beta = 0.5 and nothing at 2; twice the largest variance "
    "lies between",
    kl[0.5] > 0.3 and 0.5 < limit < 2,
    f"2 v = {limit:.2f}; {kl[0.5]:.2f} nats at 0.5, {kl[2]:.4f} at 2",
)

# %% The picture


def tile(pictures, columns):
    """Pictures (n, 64) on one sheet, white digits' ink in black."""
    framed = np.pad(np.reshape(pictures, (-1, columns, 8, 8)), ((0, 0), (0, 0), (1, 1), (1, 1)))
    return 1 - framed.swapaxes(1, 2).reshape(-1, 10 * columns).clip(0, 1)


def show(ax, pictures, columns):
    ax.imshow(tile(pictures, columns), cmap="gray", vmin=0, vmax=1, zorder=2)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_trade_off(ax):
    """Error of rebuilding against distance of draws."""
    style = {"color": COLOR["naive"], "label": "plain, by width"}
    ax.plot(plain_errors, plain_distances, "s--", **style)
    for width, x, y in zip(reversed(WIDTHS), plain_errors, plain_distances):
        ax.annotate(width, (x, y), (5, 4), textcoords="offset points", color=COLOR["naive"], size=8)
    path = [errors[b] for b in BETAS], [draws[b].distance for b in BETAS]
    ax.plot(*path, "o-", color=COLOR["model"], label="VAE, 8 numbers, by beta")
    for beta, x, y in zip(BETAS, *path):
        ax.annotate(
            beta, (x, y), (-5, -11), textcoords="offset points", color=COLOR["model"], size=8,
            ha="right",
        )  # fmt: skip
    ax.axhline(distance["real test digits"], color=COLOR["truth"], ls=":", label="real test digits")
    ax.set(xlabel="error of rebuilding", ylabel="distance of draws", xlim=(0.3, 5.3))
    ax.set_ylim(1, 1.8)


fig, axes = plt.subplots(2, 3, figsize=(12, 6.6), height_ratios=[1.5, 1])
show(axes[0, 0], drawings["plain, 8 numbers"].pictures[:64], 8)
axes[0, 0].set_title(f"Plain, 8 numbers: {distance['plain, 8 numbers']:.2f} from digits")
show(axes[0, 1], drawings["VAE, 8 numbers"].pictures[:64], 8)
axes[0, 1].set_title(f"VAE, 8 numbers: {vae_distance:.2f} from digits")
plane = np.stack(np.meshgrid(np.linspace(-2, 2, 9), np.linspace(2, -2, 9)), axis=-1)
show(axes[0, 2], flat.decoder(plane.reshape(-1, 2)).data, 9)
axes[0, 2].set_title("VAE, 2 numbers: a plane of digits")
show(axes[1, 0], [*(test[digits == d][0] for d in range(10)), *strangers[4], *strangers[64]], 10)
axes[1, 0].set_yticks([4.5, 14.5, 24.5], ["stranger", "4 numbers", "64 numbers"])
axes[1, 0].set_title("64 numbers copy a stranger, 4 do not")
draw_trade_off(axes[1, 1])
axes[1, 1].set_title("At beta 0.2 it draws near, rebuilds well")
axes[1, 1].legend(loc="upper left", fontsize=8)
axes[1, 2].semilogx(BETAS, kl.values(), "o-", color=COLOR["model"], label="VAE")
fine = np.geomspace(BETAS[0], 3, 100)
linear = np.log(np.maximum(1, 2 * variances / fine[:, None])).sum(axis=1) / 2
axes[1, 2].plot(fine, linear, color=COLOR["truth"], ls=":", label="linear VAE, in theory")
axes[1, 2].axvline(limit, ymax=0.5, color=COLOR["naive"], lw=1, label="2 x largest variance")
axes[1, 2].set(xlabel="beta", ylabel="KL (nats)")
axes[1, 2].set_xticks(BETAS, BETAS)
axes[1, 2].minorticks_off()
axes[1, 2].set_title("Charged too much, the code is silent")
axes[1, 2].legend(loc="upper right", fontsize=8)
save(fig)


def draw_beta(fig, beta):
    sheet, curve = fig.subplots(1, 2, width_ratios=[1, 1.1])
    show(sheet, draws[beta].pictures[:36], 6)
    sheet.set_title(f"Drawn; the code tells {kl[beta]:.1f} nats", fontsize=10)
    draw_trade_off(curve)
    curve.plot(errors[beta], draws[beta].distance, "o", ms=14, mfc="none", color=COLOR["truth"])
    curve.legend(loc="upper left", fontsize=7)


sweep(draw_beta, BETAS, "beta")

# %% Take away

takeaway("""
    An autoencoder's error tells strangers, if the code is too narrow to copy. To draw, the codes
    must lie where you look: in a plane a Gaussian fitted afterwards nearly does, with more numbers
    the VAE's codes are found better. Its loss is the ELBO, a lower bound of the likelihood, and
    beta says how much noise its pixels have, or what a nat costs. Too low a beta draws badly, too
    high a beta silences the code: watch error and KL apart, not only the sum.

    Next: lesson 27 draws with a critic in place of the squared error.
""")
exercises(
    [
        "Let beta rise slowly from 0 to 0.8 in training (warm-up). Does the code tell more in the "
        "end than with beta = 0.8 throughout?",
        "Let the noise be learned: after each epoch set beta to 2 s^2, with s^2 the error per "
        "pixel. Where does beta settle, from 0.2? How near are its draws?",
        "Draw from the plain autoencoder with eight numbers by adding noise to codes of real "
        "digits, half as wide as the codes spread. How near are these draws, and what is lost?",
    ]
)
