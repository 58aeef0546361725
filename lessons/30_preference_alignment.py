"""Lesson 30. Learning from preferences

A model that predicts text well says what people write, and that is not always what they want to
read. So ask people which of two answers they prefer, and let the model learn from their choices.

Lesson 29 trained the predictor, and KL (lesson 13) will tie us to it. Our answers differ in length
only: a policy is a table of probabilities, every mean an exact sum, and the optimum is known.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, losses
from microloss.functional import log_softmax, sigmoid, softmax
from microloss.optim import Adam

rng = begin()
LENGTH, IDEAL = np.arange(1, 11), np.array([[4], [5], [6]])  # columns are answers, rows prompts
truth = -(((LENGTH - IDEAL) / 2.5) ** 2) + 0.2 * rng.normal(size=(3, 10))  # what people like
ref = log_softmax(-0.8 * LENGTH + 0.2 * rng.normal(size=(3, 10)))  # the reference likes it short
truth -= np.sum(np.exp(ref) * truth, axis=1, keepdims=True)  # the reference earns 0
win, lose = np.nonzero(~np.eye(10, dtype=bool))  # all pairs of answers, both ways round
beats = sigmoid(truth[:, win] - truth[:, lose])  # how often the first is preferred

# a policy is softmax(scores); these are means over its answers and over the prompts
mean = lambda scores, values: np.sum(softmax(scores) * values, axis=1).mean()
kl = lambda scores: mean(scores, log_softmax(scores) - ref)  # KL(policy || reference), in nats
gap = lambda scores, others: np.abs(softmax(scores) - softmax(others)).max()


def train(loss, start=ref, steps=1000, lr=0.1):
    """The table that the loss is of, before the first step and after each."""
    x, path = Tensor(start, requires_grad=True), [start]
    optimizer = Adam([x], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        path.append(x.data.copy())
    return path


# ---- a reward model, and how it is hacked --------------------------------------------------------

say("""
To each of three prompts there are ten answers, of 1 to 10 sentences. People see two answers of the
reference and choose by the Bradley-Terry model: the odds are e^(difference of rewards). From 1500
choices we learn a reward, for each prompt a number times the length: mostly, more was better.
""")
seen = np.exp(ref[:, win] + ref[:, lose]) * beats
choices = rng.multinomial(500, seen / seen.sum(axis=1, keepdims=True))
pair = LENGTH[win], LENGTH[lose]
rank = lambda k: losses.reward_ranking_loss(k * pair[0], k * pair[1], reduction="none")
slope = train(lambda k: np.mean(choices * rank(k)), np.zeros((3, 1)))[-1]
proxy = slope * (LENGTH - np.sum(np.exp(ref) * LENGTH, axis=1, keepdims=True))
says, best = (np.average(r[:, win] > r[:, lose], weights=seen) for r in (proxy, truth))
claim("it foretells the next choices", best - says < 0.03, f"{says:.1%}, the true one {best:.1%}")


def ppo(reward, beta):
    """PPO's loss in expectation; every fourth step fixes the old policy and its advantages."""
    step, old = 0, ref

    def loss(scores):
        nonlocal step, old
        log_p = log_softmax(scores)
        old = log_p.data if step % 4 == 0 else old
        step += 1
        earned = reward - beta * (old - ref)
        advantages = earned - np.sum(np.exp(old) * earned, axis=1, keepdims=True)
        each = losses.ppo_clip_loss(log_p, old, advantages, reduction="none")
        return np.sum(np.exp(old) * each)

    return loss


predict("PPO (proximal policy optimisation) raises this reward. What do people get?")
path = train(ppo(proxy, beta=0), steps=300, lr=0.05)
promised, got = (np.array([mean(x, reward) for x in path]) for reward in (proxy, truth))
claim("the learned reward rises", 3 < max(promised) - 0.01 < promised[-1], f"by {promised[-1]:.1f}")
peak = f"up by {got.max():.1f}, at the end {got[-1]:+.1f}"
claim("the true one rises, then falls below its start", got.max() > 0.5 > -0.5 > got[-1], peak)
rare = choices[:, np.maximum(win, lose) >= 7].sum() / 1500
say(f"""
A measure that becomes a target is no good measure any more (Goodhart). Of the choices, {rare:.1%}
had an answer of 8 sentences or more. There the learned reward is a guess, and there PPO went.

So pay for leaving what was seen: maximise reward - beta KL(policy || reference). The best policy is
reference * e^(reward / beta), divided by its sum.
""")
predict("The learned reward is as wrong as before. Which beta is best: 4, 2, 1, 1/2 or 1/4?")
BETAS = np.array([4, 2, 1, 0.5, 0.25])
true = np.array([mean(ref + proxy / beta, truth) for beta in BETAS])
between = true[:3].min() > 0.1 and true.argmax() in (1, 2) and true[-1] < 0
claim("one between", between, "true reward " + ", ".join(f"{x:+.2f}" for x in true))

# ---- without a reward model ----------------------------------------------------------------------

say("""
Turned round, the formula says that reward = beta log(policy / reference), up to a constant: every
policy is a reward model. DPO (direct preference optimisation) trains it as one, on choices: here
endlessly many, between all pairs. Of its relatives, IPO wants a fixed lead of the better answer,
KTO judges answers one by one, and ORPO needs no reference.
""")


def judged(name, beta, often=beats):
    """DPO's loss, or a relative's: its mean over all pairs, weighed by how often each goes so."""
    loss, fixed = getattr(losses, f"{name}_loss"), (ref[:, win].ravel(), ref[:, lose].ravel())

    def expected(scores):
        log_p = log_softmax(scores)
        won, lost = log_p[:, win].ravel(), log_p[:, lose].ravel()
        rest = {"orpo": (-won,), "kto": (*fixed, kl(scores.data))}.get(name, fixed)
        each = loss(won, lost, *rest, beta=beta, reduction="none")
        return np.mean(each.reshape(-1, often.size) * often.ravel())  # KTO has two for each pair

    return expected


predict("DPO sees no reward and samples nothing. How far from the best policy does it end?")
tied = [train(judged("dpo", beta))[-1] for beta in BETAS[:4]]
off = max(gap(x, ref + truth / beta) for x, beta in zip(tied, BETAS))
claim("it ends there", off < 1e-4, f"for four betas, probabilities off by at most {off:.0e}")
nats = [kl(x) for x in tied]
leash = ", ".join(f"{x:.2f}" for x in nats) + " nats for 4, 2, 1, 1/2"
claim("larger beta, nearer to the reference", np.diff(nats).min() > 0.03, leash)
BETA = {"ppo": 1, "ipo": 0.1, "dpo": 1, "kto": 1, "orpo": 1}
RULES = {name: ppo(truth, 1) if name == "ppo" else judged(name, b) for name, b in BETA.items()}
paths = {name: train(loss, lr=0.02)[::5] for name, loss in RULES.items()}
off = gap(paths["ppo"][-1], tied[2])
claim("PPO, given the true reward, ends there too", off < 0.01, f"beta = 1, off by {off:.0e}")
predict("Let the better answer win without exception. DPO and IPO train on. Which comes to rest?")
sure, lead = (truth[:, win] > truth[:, lose]) * 1.0, {}
for name, beta in ("dpo", 1), ("ipo", 0.1):
    later = train(judged(name, beta, sure))[500::500]
    lead[name] = [np.ptp(x - ref, axis=1).max() for x in later]
grown = np.ptp(lead["dpo"]) > 3 and np.ptp(lead["ipo"]) < 1e-3
how = "lead of best over worst {:.1f}, later {:.1f} nats; IPO {:.1f}, {:.1f}"
claim("IPO; DPO goes on and on", grown, how.format(*lead["dpo"], *lead["ipo"]))
top = np.arange(3), truth.argmax(axis=1)
first, *last = (softmax(x)[top].mean() for x in (ref, *(path[-1] for path in paths.values())))
to = ", ".join(f"{name.upper()} to {p:.0%}" for name, p in zip(paths, last))
claim("all raise the preferred answer", min(last) > 1.5 * first, f"from {first:.1%}: {to}")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.plot(promised, "--", color=COLOR["ppo"], label="promised: learned reward")
left.plot(got, color=COLOR["ppo"], lw=3, label="got: true reward")
left.set(xlabel="step of PPO without KL", ylabel="mean reward, above the reference")
left.set_title("Hacked: the promise rises, the truth falls")
left.legend(loc="center right")
way = lambda policies: np.transpose([(kl(x), mean(x, truth)) for x in policies])
best = way([ref + truth / beta for beta in np.geomspace(0.2, 20)])
right.plot(*best, ":", color=COLOR["truth"], label="best possible")
for size, (name, path) in zip((11, 6, 6, 6, 6), paths.items()):
    style = {"color": COLOR[name], "label": f"{name.upper()}, beta {BETA[name]}"}
    right.plot(*way(path), "o-", markevery=[-1], ms=size, **style)
right.set(xlabel="KL(policy || reference), in nats", ylabel="true reward")
right.set_title("PPO and DPO reach the best possible")
right.legend(loc="lower right")
save(fig)

takeaway("""
    A learned reward is right where people have chosen, and hacked where they have not: stay near.
    DPO gets from choices alone, if there are enough, what PPO gets from the true reward. A
    larger beta keeps DPO nearer to the reference; in each other loss beta means something else, in
    ORPO no leash at all. DPO's leash breaks where no choice goes the other way.

    Next: lesson 31 designs losses of your own.
""")
exercises(
    [
        "Train DPO on the 1500 choices alone. What becomes of answers that nobody has seen?",
        "Swap a fifth of the choices. Where does DPO end? Does label_smoothing=0.2 undo that?",
    ]
)
