"""Lesson 26. Autoencoders

An autoencoder learns pictures without labels: it squeezes each into a few numbers, its code, and
rebuilds the picture from them. What it rebuilds badly is probably unlike all it has seen.

Lesson 25 had a mask for a target; here the target is the input. Then KL (lesson 13) puts the codes
where we can find them, to draw new digits. With too much of it the code falls silent.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway
from matplotlib.colors import to_rgb

from microloss import Tensor, grad
from microloss.datasets import load_digits, train_test_split
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


# ---- strangers -----------------------------------------------------------------------------------

predict("""
    Two autoencoders learn all digits but one. A code has 64 numbers in the one, 4 in the other.
    Which rebuilds new pictures better? Which gives away, by a large error, the digit it never met?
    (ROC AUC: how often a picture of the stranger has a larger error than one of a known digit.)
""")
areas, errors, strangers = {64: [], 4: []}, {64: [], 4: []}, {64: [], 4: []}
for numbers in areas:
    for stranger in range(10):
        known = images[labels != stranger]
        model = Sequential(MLP(64, 64, numbers, rng=rng), MLP(numbers, 64, 64, rng=rng))
        optimizer = Adam(model.parameters(), lr=0.004)
        fit(model, mse_loss, optimizer, known, known, epochs=16, rng=rng, batch_size=64)
        rebuilt, strange = model(test).data, digits == stranger
        misfit = error(rebuilt, test)
        areas[numbers].append(roc_auc(misfit, strange))
        errors[numbers].append(misfit[~strange].mean())
        strangers[numbers].append(rebuilt[strange][0])
wide, narrow = np.mean(errors[64]), np.mean(errors[4])
claim("64 numbers rebuild better", wide < narrow / 2, f"squared error {wide:.2f}, not {narrow:.2f}")
wide, narrow = np.mean(areas[64]), np.mean(areas[4])
shown = f"ROC AUC {narrow:.2f} against {wide:.2f}, mean of ten strangers"
claim("4 tell strangers better: 64 copy them, too", narrow > max(0.85, wide + 0.02), shown)
low, *_, high = sorted(zip(areas[4], range(10)))
shown = "{:.2f} for {}, {:.2f} for {}".format(*low, *high)
claim("but not each: some hide among the known", low[0] < 0.88 < 0.94 < high[0], shown)
apart = (test**2).sum(axis=1)[:, None] - 2 * test @ images.T + (images**2).sum(axis=1)
lookup = np.mean([roc_auc(apart[:, labels != d].min(axis=1), digits == d) for d in range(10)])
claim("the distance to the nearest known picture does better", lookup > narrow, f"{lookup:.2f}")

# ---- a code to draw from -------------------------------------------------------------------------

say("""
That look-up keeps all pictures, and draws none. To draw, decode a random code; but where are they?
In a variational autoencoder (VAE; Kingma, Welling 2014) the encoder gives each picture a Gaussian,
the decoder makes do with a draw z from it, and KL charges for what z tells beyond N(0, 1):

    |picture - decoder(z)|² + beta KL(N(mu, sigma²) || N(0, 1))

This KL has a closed form. It is the mean of log N(z; mu, sigma²) - log N(z; 0, 1): check by draws.
""")
mu, logvar, noise = rng.normal(size=(8, 2)), rng.normal(size=(8, 2)), rng.normal(size=(20000, 8, 2))
z = mu + np.exp(logvar / 2) * noise
surplus = ((z**2 - noise**2 - logvar) / 2).sum(axis=2)  # noise is (z - mu) / sigma
off = surplus.mean(axis=0) - gaussian_kl(mu, logvar, reduction="none")
off = np.abs(off / (surplus.std(axis=0) / np.sqrt(len(z)))).max()
claim("they agree, for 8 Gaussians in the plane", off < 4.5, f"within {off:.1f} standard errors")
predict("A draw is random. What is its derivative with respect to mu, and to sigma?")
say("""
rng.normal(mu, sigma) has none. The reparameterisation trick: z = mu + sigma noise, the noise drawn
from N(0, 1), has derivatives 1 and noise. To check them, take the mean of z²: mu² + sigma².
""")
mu, sigma = (Tensor(np.full(100_000, value), requires_grad=True) for value in (0.5, 0.8))
z = mu + sigma * rng.normal(size=100_000)
slopes = np.array(grad((z**2).sum(), [mu, sigma]))  # of each draw
off = (slopes.mean(axis=1) - [2 * 0.5, 2 * 0.8]) / (slopes.std(axis=1) / np.sqrt(100_000))
shown = "{:.3f} and {:.3f}".format(*slopes.mean(axis=1))
claim("its slopes are 2 mu = 1 and 2 sigma = 1.6", np.abs(off).max() < 4.5, shown)


class VAE(Module):
    """Rebuilt pictures; mu and log sigma² of their codes, two numbers each."""

    def __init__(self):
        self.encoder, self.decoder = MLP(64, 64, 4, rng=rng), MLP(2, 64, 64, rng=rng)

    def forward(self, pictures):
        mu, logvar = np.split(self.encoder(pictures), 2, axis=1)
        z = mu + np.exp(logvar / 2) * rng.normal(size=mu.shape)
        return self.decoder(z), mu, logvar


def train(beta):
    def loss(output, pictures):
        rebuilt, mu, logvar = output
        return error(rebuilt, pictures).mean() + beta * gaussian_kl(mu, logvar)

    model = VAE()
    optimizer = Adam(model.parameters(), lr=0.005)
    fit(model, loss, optimizer, images, images, epochs=25, rng=rng, batch_size=64)
    return model


models = {beta: train(beta) for beta in (0.1, 0.2, 0.5, 1, 2)}
predict("Where will the codes lie? What is the mean of mu² + sigma², over all digits?")
_, mu, logvar = models[0.2](test)
spread = (mu.data**2 + np.exp(logvar.data)).mean()
claim("about 1, as in N(0, 1): draw there", abs(spread - 1) < 0.25, f"{spread:.2f}, beta 0.2")
predict("At a high beta, what will a code tell, and what is drawn from it? From which beta on?")
told = {beta: gaussian_kl(*model(test)[1:]).item() for beta, model in models.items()}
claim("nothing: posterior collapse", told[2] < 0.01, f"{told[2]:.4f} nats, beta 2")
off = np.abs(models[2].decoder(rng.normal(size=(500, 2))).data - images.mean(axis=0)).mean()
claim("every code draws the mean picture", off < 0.03, f"{off:.3f} off a pixel")
say("""
To tell a small share r of a direction with variance v saves r v of the error, and costs beta r / 2
in KL: it pays if v > beta / 2, for a linear decoder (Lucas et al. 2019), and for a whisper any good
decoder is nearly linear. The largest v is the top eigenvalue of the pictures' covariance matrix.
""")
vary = np.linalg.eigvalsh(np.cov(images.T))[:-3:-1]  # the two largest
shown = f"{2 * vary[0]:.2f}; {told[0.5]:.2f} nats at beta 0.5, {told[2]:.4f} at 2"
claim("2 v lies between speech and silence", told[0.5] > 0.3 and 0.5 < 2 * vary[0] < 2, shown)

margin = (0, 0), (0, 0), (1, 1), (1, 1)
tile = lambda pictures: np.pad(pictures, margin).swapaxes(1, 2).reshape(10 * len(pictures), -1)
fig = plt.figure(figsize=(10, 4.8))
left, right = fig.subfigures(1, 2, width_ratios=[1, 1.1])
plane, (strip, curve) = left.subplots(), right.subplots(2, 1, height_ratios=[1, 1.2])
z = np.stack(np.meshgrid(np.linspace(-2, 2, 9), np.linspace(2, -2, 9)), axis=-1).reshape(-1, 2)
drawn = models[0.2].decoder(z).data
nearest = labels[error(drawn[:, None], images).argmin(axis=1)].reshape(9, 9)
colors = np.array([to_rgb(color) for color in dict.fromkeys(COLOR.values())])[nearest]
paint = np.kron(1 - colors, np.ones((10, 10, 1)))
sheet = 1 - tile(drawn.clip(0, 1).reshape(9, 9, 8, 8))[..., None] * paint
plane.imshow(sheet, extent=(-2.25, 2.25, -2.25, 2.25), zorder=2)
plane.set(title="A plane of codes draws digits", xlabel="first number", ylabel="second number")
rows = [test[digits == digit][0] for digit in range(10)], strangers[4], strangers[64]
sheet = 1 - tile(np.reshape(rows, (3, 10, 8, 8))).clip(0, 1)
strip.imshow(sheet, cmap="gray", aspect="auto", zorder=2)
strip.set_yticks([4.5, 14.5, 24.5], ["stranger", "from 4", "from 64"])
strip.set(title="64 numbers copy what they never met, 4 do not", xticks=[])
curve.semilogx(told.keys(), told.values(), "o-", color=COLOR["model"], label="VAE")
betas = np.geomspace(0.1, 3, 100)
linear = np.log(np.maximum(1, 2 * vary / betas[:, None])).sum(axis=1) / 2
curve.plot(betas, linear, color=COLOR["truth"], ls=":", label="linear VAE, in theory")
curve.axvline(2 * vary[0], color=COLOR["naive"], lw=1, label="2 x largest variance")
curve.set_xticks(list(told), list(told))
curve.set(xlabel="beta", ylabel="KL (nats)", title="Charged too much, the code falls silent")
curve.legend(loc="lower left")
save(fig)

takeaway("""
    An autoencoder's error tells strangers, if the code is too narrow to copy. KL puts codes where
    N(0, 1) draws. Too much KL silences them: watch the KL itself, not only the sum.

    Next: lesson 27 draws with a critic in place of the squared error.
""")
exercises(
    [
        "Let beta rise slowly from 0 to 0.8 in training (warm-up). Does the code tell more?",
        "Give the VAE's code 8 numbers. How many of them does it use at beta 0.4, and why?",
    ]
)
