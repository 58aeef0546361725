"""Lesson 27. GANs and the Wasserstein distance

A generator learns to make data by playing against a second network, which learns to tell its work
from the real. What that network measures decides what the generator can learn from it.

The autoencoders of lesson 26 had a picture to rebuild. Here one distribution is compared with
another: by the Jensen-Shannon divergence (JS) of lesson 13, or by the Wasserstein distance, the
least mean distance its mass must be carried. To use that one, we need a gradient in the loss.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor, grad, gradcheck, losses
from microloss.functional import linear, norm, xlogy
from microloss.nn import MLP
from microloss.optim import Adam

rng = begin()
predict("Real data fill 0 to 1 evenly, a model's d to d + 1. What do both measures say for d = 2?")
edges, samples, distances = np.linspace(-1, 5, 601), np.linspace(0, 1, 100), np.linspace(0, 3, 31)


def js(d):
    """Of two intervals, by their probabilities of 600 cells."""
    p, q = (np.diff(np.clip(edges - left, 0, 1)) for left in (d, 0.0))
    return losses.js_divergence(p, q)


measures = js, lambda d: losses.wasserstein_distance_1d(samples + d, samples)
curves = [[measure(d) for d in distances] for measure in measures]
d = Tensor(2.005, requires_grad=True)
(still,), (pull,) = (grad(measure(d), d) for measure in measures)
flat = np.allclose(curves[0], np.log(2) * np.minimum(distances, 1)) and abs(still) < 1e-9
claim("JS is d ln 2 up to d = 1, then flat", flat, f"{curves[0][-1]:.3f} at 3, slope {still:.0f}")
straight = np.allclose(curves[1], distances) and abs(pull - 1) < 1e-9
claim("Wasserstein is d everywhere", straight, f"{curves[1][-1]:.3f} at 3, slope {pull:.0f}")

# ---- a discriminator that is too good ------------------------------------------------------------

say("""
A GAN (generative adversarial network) has samples only. Its discriminator D tells real from fake,
and its loss at best is 2 ln 2 - 2 JS. The generator G lowers log(1 - D(G(z))), the minimax game, or
-log D(G(z)), called non-saturating, for noise z. The real data here: eight small hills on a ring.
""")
GAMES = {"Minimax": "naive", "Non-saturating": "js", "WGAN": "model", "WGAN-GP": "wasserstein"}
SIGMA, angles, start = 0.1, np.arange(8) * np.pi / 4, rng.integers(1000)
HILLS = 2 * np.column_stack([np.cos(angles), np.sin(angles)])


def ring(n=128):
    return (HILLS[rng.integers(8, size=n)] + SIGMA * rng.normal(size=(n, 2))).astype(np.float32)


def play(game, steps, rounds, lr=0.003):
    """Rounds of `steps` steps of D and one of G: samples, D, and its losses, G's gradient norms."""
    D_loss, G_loss = losses.wasserstein_critic_loss, losses.wasserstein_generator_loss
    if "WGAN" not in game:
        D_loss = losses.gan_discriminator_loss
        G_loss = lambda scores: losses.gan_generator_loss(scores, saturating=game == "Minimax")
    G, D = (MLP(2, 32, 32, size, rng=start, dtype=np.float32) for size in (2, 1))
    betas = (0.0 if game == "WGAN" else 0.5, 0.9)
    move_G, move_D = (Adam(x.parameters(), r, betas=betas) for x, r in ((G, lr), (D, 0.003)))
    make = lambda n=128: G(rng.standard_normal((n, 2), dtype=np.float32))
    history = []
    for _ in range(rounds):
        for _ in range(steps):
            real, fake = ring(), make().detach()
            loss = D_loss(D(real), D(fake))
            if game == "WGAN-GP":
                loss = loss + losses.gradient_penalty(D, real, fake, weight=1, rng=rng)
            move_D.zero_grad()
            loss.backward()
            move_D.step()
            for p in D.parameters() if game == "WGAN" else ():
                p.data = np.clip(p.data, -0.1, 0.1)
        move_G.zero_grad()
        G_loss(D(make())).backward()
        move_G.step()
        history.append((loss.item(), np.sqrt(sum(np.sum(p.grad**2) for p in G.parameters()))))
    return make(2000).data, D, *np.transpose(history)


predict("D learns for 300 steps, while G waits. Which of the two losses will then move G?")
waits = {game: play(game, 25, 12, lr=0.0)[2:] for game in GAMES}
(best, minimax), (_, other), _, (_, gp) = waits.values()
claim("D tells all apart: its loss is 0, so JS is ln 2", best[-1] < 0.01, f"{best[-1]:.0e}")
shown = f"gradient norms {minimax[-1]:.0e} and {other[-1]:.1f}"
claim("minimax falls silent, the other does not", minimax[-1] < 1e-3 < 0.5 < other[-1], shown)
say("""
Wasserstein is also the most by which real scores can exceed fake ones, on average, under a function
of slope at most 1 (Kantorovich, Rubinstein). So a WGAN's D, the critic, gives scores, and must not
be steep. Its weights are clipped; or, in WGAN-GP, a gradient penalty pulls its slope to 1 between
real and fake. To learn from that, we differentiate a gradient: create_graph=True keeps its graph.
""")


def slopes(critic, real, fake, mix, create_graph=False):
    """The norm of d critic / dx at points x between real and fake."""
    x = Tensor(mix[:, None] * real + (1 - mix[:, None]) * fake, requires_grad=True)
    (slope,) = grad(critic(x).sum(), x, create_graph=create_graph)
    return norm(slope, axis=1)


def penalty(W, b, v, create_graph=True):
    critic = lambda x: np.tanh(linear(x, W, b)) @ v
    return 10 * np.mean((slopes(critic, real, fake, mix, create_graph) - 1) ** 2)


real, fake, mix = rng.normal(size=(6, 2)) + 2, rng.normal(size=(6, 2)), rng.random(6)
W, b, v = (Tensor(rng.normal(size=shape), requires_grad=True) for shape in ((4, 2), 4, 4))
number = penalty(W, b, v, create_graph=False)
claim("without it the penalty is a mere number", not isinstance(number, Tensor), f"{number:.3f}")
library = losses.gradient_penalty(lambda x: np.tanh(linear(x, W, b)) @ v, real, fake, mix=mix)
gap, agree = abs(penalty(W, b, v) - library).item(), gradcheck(penalty, [W, b, v], order=2)
both = f"first and second derivatives; off the library's penalty by {gap:.0e}"
claim("with it, finite differences agree", agree and gap < 1e-12, both)
lasting = f"gradient norm {gp[1]:.1f} after 50 steps, {gp[-1]:.1f} after 300"
claim("held to a slope of 1, D goes on pulling", 0.3 < gp[-1] < 3, lasting)

predict("3000 steps for each game: 5 of D, then 1 of G. Who finds all eight hills?")
fakes, rows = {"Real data": ring(2000)}, {}
for name, game, steps in [*((game, game, 5) for game in GAMES), ("Minimax 1:1", "Minimax", 1)]:
    fakes[name], D, *_ = play(game, steps, 3000 // (steps + 1))
    away = norm(fakes[name][:, None] - HILLS, axis=2)
    counts = np.bincount(away.argmin(axis=1)[away.min(axis=1) < 3 * SIGMA], minlength=8)
    share, hit = counts / counts.sum(), counts.sum() / 2000
    slope = slopes(D, ring(2000), fakes[name], rng.random(2000)).mean()
    rows[name] = np.sum(counts >= 20), np.exp(-xlogy(share, share).sum()), 100 * hit, slope
shown = [(name, *"{} {:.1f} {:.0f} {:.2f}".format(*row).split()) for name, row in rows.items()]
table(["game, steps 5:1", "hills found", "exp(entropy)", "on a hill, %", "slope of D"], shown)
say("""
Found: by 1 % of the samples. Even shares of the hills have exp(entropy) 8. Bridges remain between
them: a continuous G can stretch its cloud of noise, not tear it. Minimax plays on, as Adam divides
even a faint gradient by its size (lesson 14). In the last game, D and G take 1500 steps each.
""")
minimax, other, clipped, gp, balanced = rows.values()
fair = gp[0] == 8 and gp[1] > other[1] + 0.3
claim("WGAN-GP finds all, non-saturating unevenly", fair, f"{gp[1]:.1f} and {other[1]:.1f}")
close = abs(gp[3] - 1) < 0.3 and clipped[3] < 0.3
claim("its slope is near 1, that of a clipped D is not", close, f"{gp[3]:.2f} and {clipped[3]:.2f}")
won = balanced[0] == 8 and balanced[2] > minimax[2] + 3
claim("minimax fares better 1:1", won, f"{balanced[2]:.0f} % on a hill, 5:1 {minimax[2]:.0f} %")

panels = [["curves", *list(fakes)[:3]], ["pulls", *list(fakes)[3:]]]
fig, axes = plt.subplot_mosaic(panels, figsize=(10, 5), width_ratios=[1.5, 1, 1, 1])
for curve, key, label in zip(curves, ("js", "wasserstein"), ("JS (nats)", "Wasserstein")):
    axes["curves"].plot(distances, curve, color=COLOR[key], label=label)
axes["curves"].set(xlabel="distance d", ylabel="measure", title="JS goes flat, Wasserstein grows")
for game, (_, pull) in waits.items():
    axes["pulls"].semilogy(range(25, 301, 25), pull, color=COLOR[GAMES[game]])
axes["pulls"].set(xlabel="steps of D", ylabel="G's gradient", title="A sure D silences minimax")
for name, points in fakes.items():
    color = COLOR[GAMES.get(name.removesuffix(" 1:1"), "truth")]
    axes[name].plot(*HILLS.T, "o", ms=12, color="#DDDDDD")
    axes[name].plot(*points[:1000].T, ".", ms=2, color=color)
    axes[name].set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8), xticks=[], yticks=[], aspect="equal")
    result = "{} hills, {:.0f} % on one".format(*rows[name][::2]) if name in rows else "8 hills"
    axes[name].set_title(f"{name}\n{result}", color=color)
axes["curves"].legend()
save(fig)

takeaway("""
    Where data and samples share nothing, JS is flat, and so is minimax under a sure D: balance
    D and G. Wasserstein is not: its critic, held to a slope of 1, may grow as good as it can.

    Next: lesson 28 lets a trained network say how alike two pictures are.
""")
exercises(
    [
        "Clip at 0.05, 0.2 and 0.4. How does the slope of D grow, with its three layers?",
        "Play WGAN-GP one to one as well, with several seeds. Does its critic need five steps?",
    ]
)
