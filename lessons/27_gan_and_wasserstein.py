"""Lesson 27. GANs and the Wasserstein distance

A generator learns to make data by playing against a second network, which learns to tell its work
from the real. The pair is a GAN (generative adversarial network; Goodfellow et al. 2014, Generative
adversarial nets). What the second network measures, and how far ahead it is, decides what the
generator learns.

The autoencoders of lesson 26 had a picture to rebuild. Here one distribution is compared with
another: by the Jensen-Shannon divergence (JS) of lesson 13, or by the Wasserstein distance, the
least mean distance that its mass must be carried. To use that one, we need a gradient in the loss.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, grad, gradcheck, losses, no_grad
from microloss import functional as F
from microloss.nn import MLP, Module
from microloss.optim import Adam

rng = begin()
GAMES = {"minimax": "naive", "non-saturating": "js", "WGAN": "model", "WGAN-GP": "wasserstein"}
COLORS = {game: COLOR[key] for game, key in GAMES.items()}
PLAYS = 4  # chance decides much of a play, so each game is played from four starts
BATCH = 64
RATE = 0.006  # of Adam, for both networks, in all games

# %% Two measures

predict("""
    Real data fill the interval from 0 to 1 evenly, and a model's data fill the one from d to d + 1.
    What do the JS divergence and the Wasserstein distance say for d = 2, and for d = 3? And what is
    their slope with respect to d there?
""")

# %% Flat, or as far as it is

edges = np.linspace(-1, 5, 601)
samples = np.linspace(0, 1, 100)


def js(d):
    """JS of the two intervals, by their probabilities of 600 cells."""
    real = np.diff(np.clip(edges, 0, 1))
    model = np.diff(np.clip(edges - d, 0, 1))
    return losses.js_divergence(real, model)


def wasserstein(d):
    return losses.wasserstein_distance_1d(samples + d, samples)


distances = np.linspace(0, 3, 31)
js_curve = np.array([js(d) for d in distances])
wasserstein_curve = np.array([wasserstein(d) for d in distances])
d = Tensor(2.005, requires_grad=True)
(js_slope,) = grad(js(d), d)
(wasserstein_slope,) = grad(wasserstein(d), d)
claim(
    "The JS of two intervals at the distance d is d ln 2 up to d = 1, then ln 2 whatever d is: "
    "its slope is 0",
    np.allclose(js_curve, np.log(2) * np.minimum(distances, 1)) and abs(js_slope) < 1e-9,
    f"{js_curve[20]:.3f} at 2, {js_curve[30]:.3f} at 3, slope {js_slope:.0f}",
)
claim(
    "The Wasserstein distance of two intervals at the distance d is d everywhere: its slope is 1",
    np.allclose(wasserstein_curve, distances) and abs(wasserstein_slope - 1) < 1e-9,
    f"{wasserstein_curve[20]:.3f} at 2, {wasserstein_curve[30]:.3f} at 3, "
    f"slope {wasserstein_slope:.0f}",
)

# %% What the generator follows

say("""
A GAN has samples only, no probabilities. Its discriminator D gives each sample a score, D(x) is the
sigmoid of it, the probability that x is real, and its loss is the binary cross-entropy of lesson
10. The generator G turns noise z into samples. It lowers log(1 - D(G(z))), which is the minimax
game, or -log D(G(z)), which is called non-saturating. With p(x) for the real data, q(x) for G's:
""")
formula(
    """
    loss of D at x:  -p log D - q log(1 - D)
    slope:           -p / D + q / (1 - D) = 0       at  D* = p / (p + q)
    with D*:         2 ln 2 - KL(p || m) - KL(q || m),  m = (p + q) / 2
                     = 2 ln 2 - 2 JS(p, q)

    G lowers, with D* held fixed,
    minimax          mean of log(1 - D*) over q: the slope is that of 2 JS(p, q)
    non-saturating   mean of -log D* over q:     the slope is that of KL(q || p) - 2 JS(p, q)
    """,
    tex=r"D^* = \frac{p}{p+q}, \quad L_D(D^*) = 2\ln 2 - 2\,\mathrm{JS}(p,q), \quad "
    r"\nabla\,\mathbb{E}_q \log(1-D^*) = 2\,\nabla\,\mathrm{JS}(p,q), \quad "
    r"\nabla\,\mathbb{E}_q(-\log D^*) = \nabla\left[\mathrm{KL}(q\|p) - 2\,\mathrm{JS}(p,q)\right]",
)
say("""
The last line is Arjovsky and Bottou's (2017, Towards principled methods for training generative
adversarial networks). Check all three on distributions of ten cells, with the engine.
""")
p = F.softmax(rng.normal(size=10))
parameters = Tensor(rng.normal(size=10), requires_grad=True)
q = F.softmax(parameters)
best = p / (p + q.data)  # D*, a constant for G
at_best = -(p * np.log(best)).sum() - (q.data * np.log(1 - best)).sum()
slopes = {
    "minimax": grad((q * np.log(1 - best)).sum(), parameters, retain_graph=True)[0],
    "non-saturating": grad((q * -np.log(best)).sum(), parameters, retain_graph=True)[0],
    "2 JS": grad(2 * losses.js_divergence(p, q), parameters, retain_graph=True)[0],
    "KL": grad(losses.kl_divergence(q, p), parameters)[0],
}
gap = abs(at_best - 2 * np.log(2) + 2 * losses.js_divergence(p, q.data))
claim(
    "The loss of the best discriminator is 2 ln 2 - 2 JS",
    gap < 1e-12,
    f"off by {gap:.0e}",
)
gap = np.abs(slopes["minimax"] - slopes["2 JS"]).max()
claim(
    "Against the best discriminator, minimax descends 2 JS",
    gap < 1e-12,
    f"slopes off by {gap:.0e}",
)
gap = np.abs(slopes["non-saturating"] - (slopes["KL"] - slopes["2 JS"])).max()
claim(
    "Against the best discriminator, the non-saturating loss descends KL(q || p) - 2 JS",
    gap < 1e-12,
    f"slopes off by {gap:.0e}",
)
say("""
KL(q || p) is the one that seeks modes (lesson 13): it forgives what G leaves out. And - 2 JS even
pushes G away from the data. So a GAN may forget parts of the data (mode collapse).
""")

# %% A ring of hills

angles = np.arange(8) * np.pi / 4
HILLS = 2 * np.column_stack([np.cos(angles), np.sin(angles)])
SIGMA = 0.1
say(f"""
The real data here are eight small hills on a ring, all of one height, with a standard deviation of
{SIGMA}. G starts as a small cloud in the middle of the ring. Both networks have two hidden layers
of 32 units. Each game is played from {PLAYS} starts, the same for all games, and all plays run side
by side: every array has a first axis for the play.
""")
G_LOSS = {
    "minimax": lambda scores: losses.gan_generator_loss(scores, saturating=True),
    "non-saturating": losses.gan_generator_loss,
    "WGAN": losses.wasserstein_generator_loss,
    "WGAN-GP": losses.wasserstein_generator_loss,
}


class Networks(Module):
    """One network for each play: (plays, n, 2) -> (plays, n, outputs)."""

    def __init__(self, outputs, rng, copies, gain=1.0):
        networks = [MLP(2, 32, 32, outputs, rng=rng, dtype=np.float32) for _ in range(PLAYS)]
        self.weights = []
        self.biases = []
        for layer in (0, 2, 4):  # between them stand the ReLUs
            weights = [gain * network[layer].weight.data.T for network in networks]
            biases = [network[layer].bias.data[None] for network in networks]
            self.weights.append(Tensor(np.stack(weights * copies), requires_grad=True))
            self.biases.append(Tensor(np.stack(biases * copies), requires_grad=True))

    def forward(self, x):
        for weight, bias in zip(self.weights[:2], self.biases):
            x = F.relu(x @ weight + bias)
        return x @ self.weights[2] + self.biases[2]


class Game:
    """Games with one loss of D, each with its own loss of G: PLAYS pairs of networks for each."""

    def __init__(self, *names):
        self.names = names
        self.plays = PLAYS * len(names)
        self.rng = np.random.default_rng([args.seed, 1])
        self.G = Networks(2, self.rng, len(names))
        self.D = Networks(1, self.rng, len(names), gain=6**0.5)  # He's start, see lesson 35
        betas = (0.0, 0.9) if names == ("WGAN",) else (0.5, 0.9)
        self.G_optimizer = Adam(self.G.parameters(), lr=RATE, betas=betas)
        self.D_optimizer = Adam(self.D.parameters(), lr=RATE, betas=betas)

    def real(self, n=BATCH):
        """Samples of the ring, (plays, n, 2)."""
        hills = HILLS[self.rng.integers(8, size=(self.plays, n))]
        return (hills + SIGMA * self.rng.normal(size=hills.shape)).astype(np.float32)

    def make(self, n=BATCH):
        """Samples of G, (plays, n, 2)."""
        return self.G(self.rng.standard_normal((self.plays, n, 2), dtype=np.float32))

    def fake(self, n=BATCH):
        """Samples of G as constants."""
        with no_grad():
            return self.make(n).data

    def score_each(self, points):
        """D of points (plays * n, 2), one score for each."""
        return self.D(points.reshape(self.plays, -1, 2)).reshape(-1)

    def D_step(self):
        """One step of D. Returns its loss."""
        real = self.real()
        fake = self.fake()
        real_scores, fake_scores = np.split(self.D(np.concatenate([real, fake], axis=1)), 2, axis=1)
        if "WGAN" in self.names[0]:
            loss = losses.wasserstein_critic_loss(real_scores, fake_scores)
        else:
            loss = losses.gan_discriminator_loss(real_scores, fake_scores)
        if self.names == ("WGAN-GP",):
            loss = loss + losses.gradient_penalty(
                self.score_each, real.reshape(-1, 2), fake.reshape(-1, 2), weight=1, rng=self.rng
            )
        self.D_optimizer.zero_grad()
        loss.backward()
        self.D_optimizer.step()
        if self.names == ("WGAN",):
            for parameter in self.D.parameters():
                parameter.data = np.clip(parameter.data, -0.1, 0.1)
        return loss.item()

    def G_gradient(self):
        """Compute the gradient of G's loss. Returns its norm in each play."""
        self.G_optimizer.zero_grad()
        scores = np.split(self.D(self.make()), len(self.names))
        loss = sum(G_LOSS[name](part) for name, part in zip(self.names, scores))
        (PLAYS * loss).backward()  # each loss is a mean over its plays
        return np.sqrt(sum((p.grad**2).sum(axis=(1, 2)) for p in self.G.parameters()))

    def play(self, D_steps, rounds):
        """Rounds of `D_steps` steps of D and one of G. Returns samples for each game."""
        for _ in range(rounds):
            for _ in range(D_steps):
                self.D_step()
            self.G_gradient()
            self.G_optimizer.step()
        return dict(zip(self.names, np.split(self.fake(2000), len(self.names))))

    def wait(self):
        """D learns for 300 steps. Returns D's loss, and G's gradients after every 25 steps."""
        pulls = []
        for _ in range(12):
            for _ in range(25):
                loss = self.D_step()
            pulls.append(self.G_gradient())
        means = np.reshape(pulls, (12, len(self.names), PLAYS)).mean(axis=2)
        return loss, dict(zip(self.names, means.T))


predict("D learns for 300 steps, while G waits. Which of the two losses will then move G?")

# %% A discriminator that is too good

discriminator = Game("minimax", "non-saturating")
best_loss, pulls = discriminator.wait()
claim(
    "After 300 steps D tells all fakes from real data: its loss is near 0, so JS is near ln 2",
    best_loss < 0.01,
    f"{best_loss:.0e}",
)
claim(
    "Against a D with 300 steps of lead, the gradient of G is below 0.001 in the minimax game, "
    "above 0.5 with the non-saturating loss",
    pulls["minimax"][-1] < 1e-3 and pulls["non-saturating"][-1] > 0.5,
    f"norms {pulls['minimax'][-1]:.0e} and {pulls['non-saturating'][-1]:.1f}, mean of {PLAYS} "
    "plays",
)
say("""
The reason is the slope along the score s of a fake: that of log(1 - D) is -D, and D is near 0; that
of -log D is -(1 - D), near -1. The second pulls hardest where D wins.
""")

# %% A critic with a bounded slope

say("""
The Wasserstein distance has a second face (Kantorovich and Rubinstein): it is the most by which the
mean score of real data can exceed that of fakes, under a function whose slope is at most 1. So in a
WGAN (Arjovsky, Chintala and Bottou 2017, Wasserstein GAN) D is a critic: it gives scores, without a
sigmoid, and must not be steep. The WGAN clips its weights. WGAN-GP (Gulrajani et al. 2017, Improved
training of Wasserstein GANs) adds a gradient penalty: it pulls the slope to 1 at points between
real and fake.
""")
formula(
    """
    W(p, q)        = max over D with slope <= 1 of  mean D(real) - mean D(fake)
    loss of D      = mean D(fake) - mean D(real) + weight * mean (|dD(x)/dx| - 1)^2
                     x = mix * real + (1 - mix) * fake,  mix drawn evenly from 0 to 1
    loss of G      = -mean D(fake)
    """,
    tex=r"W(p,q) = \max_{\lVert D \rVert_L \le 1} \mathbb{E}_p D - \mathbb{E}_q D, \qquad "
    r"L_D = \mathbb{E}_q D - \mathbb{E}_p D + \lambda\, \mathbb{E}_x "
    r"\left(\lVert \nabla_x D(x) \rVert - 1\right)^2",
)
say("""
A gradient stands in the loss, and the loss is differentiated by the critic's weights. For that,
grad(..., create_graph=True) records the gradient as a graph of its own.
""")


def slope_norms(critic, x, create_graph=False):
    """The norm of d critic / dx at each point."""
    x = Tensor(x, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=create_graph)
    return F.norm(slope, axis=1)


real = rng.normal(size=(6, 2)) + 2
fake = rng.normal(size=(6, 2))
mix = rng.random(6)
between = mix[:, None] * real + (1 - mix[:, None]) * fake
W = Tensor(rng.normal(size=(4, 2)), requires_grad=True)
b = Tensor(rng.normal(size=4), requires_grad=True)
v = Tensor(rng.normal(size=4), requires_grad=True)


def penalty(W, b, v, create_graph=True):
    critic = lambda x: np.tanh(F.linear(x, W, b)) @ v
    return 10 * np.mean((slope_norms(critic, between, create_graph) - 1) ** 2)


cut = penalty(W, b, v, create_graph=False)
claim(
    "Without create_graph the gradient penalty is a plain number, which cannot teach",
    not isinstance(cut, Tensor),
    f"{cut:.3f}, a {type(cut).__name__}",
)
library = losses.gradient_penalty(
    lambda x: np.tanh(F.linear(x, W, b)) @ v, real, fake, weight=10, mix=mix
)
gap = abs(penalty(W, b, v) - library).item()
agrees = gradcheck(penalty, [W, b, v], order=2)
claim(
    "With create_graph the derivatives of the gradient penalty agree with finite differences",
    agrees and gap < 1e-12,
    f"gradcheck to order 2; off the library's penalty by {gap:.0e}",
)
predict("""
    Once more G waits, and D learns for 300 steps, now as a clipped critic and as one with a
    penalty. What becomes of G's gradient? And what slope do the two critics have?
""")

# %% It may grow as good as it can

clipped = Game("WGAN")
penalised = Game("WGAN-GP")
pulls |= clipped.wait()[1]
pulls |= penalised.wait()[1]


def mean_slope(game):
    """Of D, at points between real samples and fakes."""
    mix = game.rng.random((game.plays, 500, 1))
    points = mix * game.real(500) + (1 - mix) * game.fake(500)
    return slope_norms(game.score_each, points.reshape(-1, 2).astype(np.float32)).mean()


steepness = [mean_slope(game) for game in (discriminator, discriminator, clipped, penalised)]
table(
    ["G waits", "its gradient after 50 steps", "after 300", "slope of D"],
    [
        (name, f"{pull[1]:.3f}", f"{pull[-1]:.1e}", f"{slope:.2f}")
        for (name, pull), slope in zip(pulls.items(), steepness)
    ],
)
claim(
    "A critic held to a slope of 1 goes on pulling: G's gradient stays between 0.3 and 3",
    min(pulls["WGAN-GP"]) > 0.3 and max(pulls["WGAN-GP"]) < 3,
    f"{pulls['WGAN-GP'][1]:.2f} after 50 steps, {pulls['WGAN-GP'][-1]:.2f} after 300",
)
claim(
    "Clipping at 0.1 leaves the critic a slope below 0.5, the penalty one from 1 to 3, and the "
    "discriminator, which nothing holds, one above 5",
    steepness[2] < 0.5 and 1 < steepness[3] < 3 and steepness[0] > 5,
    f"{steepness[2]:.2f}, {steepness[3]:.2f} and {steepness[0]:.1f}",
)
say("""
Why is it not 1 under the penalty? A critic of slope s earns s W and pays weight * (s - 1)^2. The
best s is 1 + W / (2 weight). The weight is 1 here (the paper's 10 is for images, see exercise 2),
and W is near 2 in the beginning, as the cloud is in the middle of a ring of radius 2. So s is near
2, and it should fall when G comes near.
""")

# %% Five to one, or one to one

ROUNDS = 200
predict(f"""
    Now both play. Minimax, non-saturating and WGAN-GP, each once with five steps of D for one of G
    (5:1), once with one (1:1). All take {ROUNDS} steps of G. Whose samples spread most evenly over
    the eight hills? Does it help or hurt each of them when D takes fewer steps?
""")

# %% As many steps of G

say("""
Count the samples within three standard deviations of a hill. Their shares of the hills have an
entropy; exp(entropy) is 8 if all hills get the same, 1 if one hill gets all (evenness).
""")


class Spread:
    """How samples (PLAYS, n, 2) lie on the hills: an array over the plays for each measure."""

    def __init__(self, samples):
        self.samples = samples
        away = F.norm(samples[:, :, None] - HILLS, axis=3)  # (PLAYS, n, 8)
        hits = away < 3 * SIGMA
        counts = hits.sum(axis=1)
        shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
        self.evenness = np.exp(-F.xlogy(shares, shares).sum(axis=1)) * (counts.sum(axis=1) > 0)
        self.on_a_hill = 100 * hits.any(axis=2).mean(axis=1)


five = {}
one = {}
longer = {}
for names in (("minimax", "non-saturating"), ("WGAN-GP",)):
    five_game = Game(*names)
    samples = five_game.play(D_steps=5, rounds=ROUNDS)
    five |= {name: Spread(part) for name, part in samples.items()}
    one_game = Game(*names)
    samples = one_game.play(D_steps=1, rounds=ROUNDS)
    one |= {name: Spread(part) for name, part in samples.items()}
    samples = one_game.play(D_steps=1, rounds=2 * ROUNDS)  # goes on, to three times as many
    longer |= {name: Spread(part) for name, part in samples.items()}
near_slope = mean_slope(five_game)


def rows(spreads, ratio, rounds, D_steps):
    return [
        (
            f"{name} {ratio}",
            rounds,
            (D_steps + 1) * rounds,
            f"{spread.evenness.mean():.1f}",
            f"{spread.evenness.min():.1f}",
            f"{spread.on_a_hill.mean():.0f}",
        )
        for name, spread in spreads.items()
    ]


header = ["game", "steps of G", "of G and D", "evenness", "least even play", "on a hill, %"]
table(header, rows(five, "5:1", ROUNDS, 5) + rows(one, "1:1", ROUNDS, 1))


def evenness(spreads):
    return np.array([spread.evenness.mean() for spread in spreads.values()])


def on_a_hill(spreads):
    return np.array([spread.on_a_hill.mean() for spread in spreads.values()])


gains = evenness(one) - evenness(five)
claim(
    "Minimax and non-saturating, taken together, spread more evenly 1:1 than 5:1, in as many "
    "steps of G",
    gains[:2].mean() > 0,
    f"evenness {gains[:2].mean():+.1f}: {gains[0]:+.1f} and {gains[1]:+.1f}",
)
claim(
    "WGAN-GP spreads less evenly 1:1 than 5:1, in as many steps of G",
    gains[2] < -0.3,
    f"evenness {gains[2]:+.1f}",
)
more = on_a_hill(five) - on_a_hill(one)
claim(
    "In as many steps of G, more samples lie on a hill 5:1 than 1:1, on average over the games",
    more.mean() > 0,
    f"{more.mean():.0f} points more",
)
claim(
    "After playing WGAN-GP 5:1, the critic's slope has come within 0.3 of 1",
    abs(near_slope - 1) < 0.3,
    f"{near_slope:.2f}",
)
say("""
A D that is ahead sends the fakes to a hill soon, and often all of them to the same few: this is
mode collapse (look at the least even plays). A critic has to learn a distance, which takes steps.
""")
predict(f"""
    Steps of D cost as much as steps of G, so 1:1 took a third of the work only. Let it go on to
    {3 * ROUNDS} steps of G: as many steps in all as 5:1. Which game is best then?
""")

# %% As many steps in all

table(header, rows(five, "5:1", ROUNDS, 5) + rows(longer, "1:1", 3 * ROUNDS, 1))
gains = evenness(longer) - evenness(five)
claim(
    "In as many steps in all, minimax and non-saturating, taken together, spread more evenly 1:1 "
    "than 5:1, by more than 0.5",
    gains[:2].mean() > 0.5,
    f"evenness {gains[:2].mean():+.1f}: {gains[0]:+.1f} and {gains[1]:+.1f}",
)
behind = evenness(five)[2] - evenness(longer)[0]
claim(
    "In as many steps in all, minimax 1:1 comes within 2 of the evenness of WGAN-GP 5:1",
    behind < 2,
    f"{behind:.1f} behind; minimax 5:1 is {evenness(five)[2] - evenness(five)[0]:.1f} behind",
)
more = on_a_hill(longer)[0] - on_a_hill(five)[2]
claim(
    "In as many steps in all, minimax 1:1 has at most 5 points fewer samples on a hill than "
    "WGAN-GP 5:1",
    more > -5,
    f"{more:+.0f} points",
)
claim(
    "In as many steps in all, WGAN-GP 1:1 comes within 1.5 of its evenness 5:1",
    abs(gains[2]) < 1.5,
    f"{evenness(longer)[2]:.1f} and {evenness(five)[2]:.1f}",
)
hits = on_a_hill(five) + on_a_hill(longer)
claim(
    "Over both ratios, more samples lie on a hill with the non-saturating loss than with minimax",
    hits[1] > hits[0],
    f"{hits[1] / 2:.0f} % and {hits[0] / 2:.0f} %",
)
say("""
The last line is what the derivation said: KL(q || p) punishes samples beside the hills, and
forgives hills that are left out. Compare the evenness of the two in the table.
""")

# %% The picture

panels = [
    ["measures", *(f"{name} 5:1" for name in five)],
    ["pulls", *(f"{name} 1:1" for name in five)],
]
fig, axes = plt.subplot_mosaic(panels, figsize=(11, 5.6), width_ratios=[1.45, 1, 1, 1])
axes["measures"].plot(distances, js_curve, color=COLOR["js"], label="JS (nats)")
axes["measures"].plot(distances, wasserstein_curve, color=COLOR["wasserstein"], label="Wasserstein")
axes["measures"].set(xlabel="distance d of two intervals", ylabel="measure")
axes["measures"].set_title("JS goes flat, Wasserstein grows")
axes["measures"].legend(loc="upper left")
for name, pull in pulls.items():
    axes["pulls"].semilogy(range(25, 301, 25), pull, color=COLORS[name], label=name)
axes["pulls"].set(xlabel="steps of D, while G waits", ylabel="norm of G's gradient")
axes["pulls"].set_title("A sure D silences minimax")
axes["pulls"].set_ylim(1e-10, 100)
axes["pulls"].legend(loc="lower left", fontsize=8)
for ratio, spreads in (("5:1", five), ("1:1", longer)):
    for name, spread in spreads.items():
        ax = axes[f"{name} {ratio}"]
        worst = spread.evenness.argmin()
        ax.plot(*HILLS.T, "o", ms=13, color="#DDDDDD")
        ax.plot(*spread.samples[worst, :800].T, ".", ms=2, color=COLORS[name])
        ax.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), xticks=[], yticks=[], aspect="equal")
        ax.set_title(f"{name} {ratio}\nevenness {spread.evenness[worst]:.1f} of 8", fontsize=10)
        ax.set_xlabel(f"{spread.on_a_hill[worst]:.0f} % on a hill")
axes["minimax 5:1"].set_ylabel("least even of the plays")
axes["minimax 1:1"].set_ylabel("as many steps in all")
save(fig)

# %% Take away

takeaway("""
    Where data and samples share nothing, JS is flat, and so is minimax under a sure D. The
    non-saturating loss keeps pulling, but it seeks modes. Where D is far ahead of G, both end on a
    few hills (mode collapse): keep D and G in balance, and compare games at equal cost. Balance
    brings plain minimax near WGAN-GP here. A critic that is held to a slope of 1 may learn as much
    as it can, and its samples were even at both ratios, with a weight that suits the data.

    Next: lesson 28 lets a trained network say how alike two pictures are.
""")
exercises(
    [
        "Train the critic of WGAN-GP on the two intervals of the first section, for d = 2. By how "
        "much do the mean scores of real and model differ in the end, for a weight of 1 and of 10?",
        "The paper takes a weight of 10 for the penalty, for images. Set it in `D_step` and play "
        "WGAN-GP. What do the evenness and the samples on a hill become?",
        "Clip the weights of the WGAN at 0.05, 0.2 and 0.4. How does the slope of D grow, with its "
        "three layers?",
    ]
)
