"""Lesson 30. Learning from preferences

A model that predicts text well says what people write, and that is not always what they want to
read. So ask people which of two answers they prefer, and let the model learn from their choices.
This is how chat models are made (reinforcement learning from human feedback, RLHF; Christiano et
al. 2017, Deep reinforcement learning from human preferences).

Lesson 29 trained the predictor, and KL (lesson 13) will tie us to it. Our answers differ in length
only. A policy, the model that answers, is then a table of probabilities, every mean is an exact
sum, and the best policy is known. So we can see what each loss does, and what goes wrong.
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

from microloss import Tensor
from microloss.functional import log_softmax, sigmoid, softmax
from microloss.losses import (
    dpo_loss,
    ipo_loss,
    kto_loss,
    orpo_loss,
    ppo_clip_loss,
    reward_ranking_loss,
)
from microloss.optim import SGD, Adam

rng = begin()
LENGTH = np.arange(1, 11)  # the ten answers: so many sentences
IDEAL = np.array([[4], [5], [6]])  # the length that people like best, for each of three prompts
PROMPTS = np.arange(3)[:, np.newaxis]
CHOICES = 500  # of each prompt

# %% What people like

truth = -(((LENGTH - IDEAL) / 2.5) ** 2) + 0.2 * rng.normal(size=(3, 10))
reference = log_softmax(-0.8 * LENGTH + 0.2 * rng.normal(size=(3, 10)))  # log-probabilities
truth -= np.sum(np.exp(reference) * truth, axis=1, keepdims=True)  # the reference earns 0
winner, loser = np.nonzero(~np.eye(10, dtype=bool))  # all pairs of answers, both ways round


def mean(policy, values):
    """The mean of values over the answers of a policy (a table of scores), and over prompts."""
    return np.sum(softmax(policy) * values, axis=1).mean()


def kl(policy):
    """KL(policy || reference), in nats."""
    return mean(policy, log_softmax(policy) - reference)


def difference(policy, other):
    """The largest difference of two policies' probabilities."""
    return np.abs(softmax(policy) - softmax(other)).max()


def free(scores):
    """A policy with a score of its own for every answer."""
    return scores


def line(slopes):
    """A policy as simple as the reward model: the reference, tilted by the length."""
    return reference + slopes * LENGTH


def train(loss, start, steps, lr=0.1):
    """The table that the loss is a function of, after these steps of Adam."""
    x = Tensor(start, requires_grad=True)
    optimizer = Adam([x], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
    return x.data


say(f"""
There are three prompts, and ten answers to each, of 1 to 10 sentences. People like 4, 5 or 6
sentences best; the reference, the model before alignment, prefers one. People see two of its
answers to a prompt and choose by the Bradley-Terry model (1952): the odds of choosing an answer are
e to the difference of rewards. They choose {CHOICES} times for each prompt. A reward model should
give the rewards under which these choices are most probable:
""")
formula(
    """
    P(a before b) = e^r(a) / (e^r(a) + e^r(b)) = sigmoid(r(a) - r(b))
    loss(r)       = mean over choices of -log sigmoid(r(chosen) - r(rejected))
    """,
    tex=r"P(a \succ b) = \frac{e^{r(a)}}{e^{r(a)} + e^{r(b)}} = \sigma(r(a) - r(b)), \qquad "
    r"L(r) = -\text{mean} \log \sigma(r_\text{chosen} - r_\text{rejected})",
)
beats = sigmoid(truth[:, winner] - truth[:, loser])  # how often the first is preferred
shown = np.exp(reference[:, winner] + reference[:, loser])
expected = shown * beats / np.sum(shown * beats, axis=1, keepdims=True)
choices = rng.multinomial(CHOICES, expected)


def reward_loss(slope):
    rewards = slope * LENGTH
    each = reward_ranking_loss(rewards[:, winner], rewards[:, loser], reduction="none")
    return np.sum(choices * each) / choices.sum()


slope = train(reward_loss, np.zeros((3, 1)), steps=400)
learned = slope * (LENGTH - np.sum(np.exp(reference) * LENGTH, axis=1, keepdims=True))
say("""
Our reward model is a line, a number times the length, one for each prompt. It is simple, as every
model is simpler than people are: what it learns of short answers it also says of long ones.
""")
right = [np.average(r[:, winner] > r[:, loser], weights=expected) for r in (learned, truth)]
claim(
    "The learned reward foretells new choices of the same kind as well as the true reward does, "
    "to 3 points",
    right[1] - right[0] < 0.03,
    f"{100 * (right[1] - right[0]):.1f} points: {right[0]:.1%} against {right[1]:.1%}",
)
rare = choices[:, np.maximum(winner, loser) >= 7].sum() / choices.sum()
say(f"""
It has the right sign for almost everything that was seen. But only {rare:.1%} of the choices had an
answer of 8 sentences or more.
""")
predict("""
    Policy gradient (REINFORCE, Williams 1992) lets the policy answer, and raises the probability of
    answers that earned more than the mean. PPO takes several steps on the same answers, and clips
    the ratio of new to old probability. What does the clip do if there is only one step? And if
    there are 16?
""")

# %% What PPO's clip is for

formula(
    """
    ratio r = policy(a) / old(a), with the policy that sampled a;   A = reward(a) - mean reward
    policy gradient   -r A          gradient at r = 1: -A d log policy(a)
    PPO               -min(r A, clip(r, 0.8, 1.2) A)     no slope where r is past 1.2 and A > 0,
                                                         or below 0.8 and A < 0
    """,
    tex=r"r = \frac{\pi(a)}{\pi_\text{old}(a)}, \qquad "
    r"L_\text{PPO} = -\min(r A, \text{clip}(r, 0.8, 1.2)\, A), \qquad "
    r"\nabla(-r A) = -A \nabla \log \pi(a) \text{ at } r = 1",
)
ANSWERS = 32  # sampled for each prompt in each round
ROUNDS = 20


def align(reward, beta, steps, lr, clip=True, policy_of=free):
    """The policy after each round of answering and learning; the share of answers clipped.

    The reward is that given, minus beta log(policy / reference): what leaving the reference costs.
    """
    start = reference if policy_of is free else np.zeros((3, 1))
    weights = Tensor(start, requires_grad=True)
    optimizer = SGD([weights], lr=lr)
    own_rng = np.random.default_rng([args.seed, 30])  # the same for every run
    path = [reference]
    clipped = []
    for _ in range(ROUNDS):
        old = log_softmax(policy_of(weights.data))
        dice = own_rng.random((3, ANSWERS, 1))
        answers = np.sum(np.cumsum(np.exp(old), axis=1)[:, np.newaxis, :-1] < dice, axis=2)
        before = old[PROMPTS, answers]
        earned = reward[PROMPTS, answers] - beta * (before - reference[PROMPTS, answers])
        advantage = earned - earned.mean(axis=1, keepdims=True)
        for _ in range(steps):
            now = log_softmax(policy_of(weights))[PROMPTS, answers]
            ratio = np.exp(now - before)
            loss = ppo_clip_loss(now, before, advantage) if clip else -np.mean(ratio * advantage)
            past = np.where(advantage > 0, ratio.data > 1.2, ratio.data < 0.8)
            clipped.append(past.mean())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        path.append(policy_of(weights.data.copy()))
    return path, np.mean(clipped)


def worth(policy, beta=1):
    """What RLHF maximises, with the true reward: reward - beta KL(policy || reference)."""
    return mean(policy, truth) - beta * kl(policy)


RATES = (0.3, 1, 3, 10, 30)
RULES = {  # name -> (steps on the same answers, clip)
    "1 step": (1, False),
    "1 step, clip": (1, True),
    "16 steps": (16, False),
    "16 steps, clip": (16, True),
}
runs = {
    name: [align(truth, 1, steps, lr, clip) for lr in RATES]
    for name, (steps, clip) in RULES.items()
}
earned = {
    name: np.array([np.mean([worth(policy) for policy in path[-5:]]) for path, _ in runs[name]])
    for name in runs
}
optimum = worth(reference + truth)
say(f"""
Each run answers {ANSWERS} times to each prompt, learns from that, and does so {ROUNDS} times. The
worth of a policy is here its true reward minus beta = 1 times its KL to the reference. The best
possible is {optimum:.2f} (why is shown below), and the reference earns 0.
""")
table(
    ["worth, by rate", *RATES, "answers clipped"],
    [(name, *(f"{x:+.2f}" for x in earned[name]), f"{runs[name][2][1]:.0%}") for name in RULES],
)
same = all(
    np.array_equal(plain, with_clip)
    for (plain, _), (with_clip, _) in zip(runs["1 step"], runs["1 step, clip"])
)
most_clipped = max(share for _, share in runs["1 step, clip"])
claim(
    "With one step on each answer PPO is policy gradient to the last bit: the clip never acts",
    same and most_clipped == 0,
    f"{most_clipped:.0%} clipped at each of {len(RATES)} rates",
)
claim(
    "With 16 steps at rate 3 policy gradient ends below the reference, and the clip nearly at the "
    "best possible",
    earned["16 steps"][2] < 0 and earned["16 steps, clip"][2] > optimum - 0.1,
    f"{earned['16 steps'][2]:+.2f} against {earned['16 steps, clip'][2]:+.2f} of {optimum:.2f}",
)
peaks = {name: values.max() for name, values in earned.items()}
claim(
    "Each at its best rate, the clip gains next to nothing: less than 0.05",
    abs(peaks["16 steps, clip"] - peaks["16 steps"]) < 0.05,
    f"{peaks['16 steps, clip'] - peaks['16 steps']:+.3f}",
)
say("""
The answers were drawn by the old policy, and they say little about a policy far from it. Without a
clip the steps go on as if nothing had changed. The clip ends the pull of an answer whose
probability has moved by a fifth. So it forgives a rate that is too high; at a good rate it does not
make the policy better.
""")
say("""
The tables above give every answer a score of its own. A network does not: what it learns of one
answer changes others. The simplest policy of that kind is the reference, tilted by the length: one
number for each prompt, as in the reward model.
""")
predict("""
    Now PPO raises the learned reward, and no KL holds it. What do people get from a tilted policy?
    And from a free table?
""")

# %% The reward is hacked

hacked, _ = align(learned, 0, steps=16, lr=0.1, policy_of=line)
control, _ = align(truth, 0, steps=16, lr=0.1, policy_of=line)
by_table, _ = align(learned, 0, steps=16, lr=1)
promised = np.array([mean(policy, learned) for policy in hacked])
got = np.array([mean(policy, truth) for policy in hacked])
honest = np.array([mean(policy, truth) for policy in control])
never_given = np.array([softmax(policy)[:, 7:].max() for policy in by_table]).max()
claim(
    "Under PPO without KL the learned reward of a tilted policy rises by more than 4",
    promised[-1] > 4,
    f"by {promised[-1]:.1f}",
)
claim(
    "Under PPO without KL the true reward of a tilted policy first rises, and ends below the "
    "reference",
    got.max() > 0.4 and got[-1] < -1,
    f"up by {got.max():.1f}, at the end {got[-1]:+.1f}",
)
claim(
    "PPO of a tilted policy with the true reward does not fall: it is the reward that fails",
    honest[-1] > honest.max() - 0.1,
    f"{honest[-1]:+.2f} at the end, {honest.max():+.2f} at its best",
)
claim(
    "PPO without KL and with the learned reward takes a free table above the reference",
    mean(by_table[-1], truth) > 0.3,
    f"{mean(by_table[-1], truth):+.1f}; no answer of 8 sentences or more gets more than "
    f"{never_given:.1%}",
)
say("""
When a measure becomes a target, it ceases to be a good measure (Goodhart's law). People saw few
long answers; there the learned reward is a guess, and that is where PPO tilted the policy. This is
reward hacking (or overoptimisation; for large models Gao et al. 2023, Scaling laws for reward model
overoptimization). A free table learns of an answer only by giving it, and settles before it has
tried many long ones; but a table of all answers does not exist for a real model.

So let it pay for leaving what was seen: maximise reward - beta KL(policy || reference). The best
policy p then follows in four lines, with q for the reference and Z for a sum over answers:
""")
formula(
    """
    J(p) = sum_a p(a) r(a) - beta sum_a p(a) log(p(a) / q(a))
    let  p*(a) = q(a) e^(r(a) / beta) / Z,   Z = sum_a q(a) e^(r(a) / beta)
    then r(a) = beta log(p*(a) / q(a)) + beta log Z;  put into J:
    J(p) = beta log Z - beta KL(p || p*)      largest, beta log Z, where p = p*
    """,
    tex=r"\begin{aligned} "
    r"J(p) &= \sum_a p(a)\, r(a) - \beta \sum_a p(a) \log \frac{p(a)}{q(a)} \\ "
    r"p^*(a) &= \frac{q(a)\, e^{r(a) / \beta}}{Z}, \quad Z = \sum_a q(a)\, e^{r(a) / \beta} \\ "
    r"r(a) &= \beta \log \frac{p^*(a)}{q(a)} + \beta \log Z \\ "
    r"J(p) &= \beta \log Z - \beta\, \text{KL}(p \| p^*) \end{aligned}",
)


def best_policy(reward, beta):
    return reference + reward / beta  # as scores: the softmax divides by Z


log_Z = np.log(np.sum(np.exp(reference + truth), axis=1)).mean()
gap = difference(runs["16 steps, clip"][2][0][-1], best_policy(truth, 1))
claim(
    "PPO, which only samples, ends at the best policy of the formula, to 0.1 in each probability",
    gap < 0.1 and abs(optimum - log_Z) < 1e-12,
    f"off by at most {gap:.3f}; J is log Z to {abs(optimum - log_Z):.0e}",
)
predict("""
    The learned reward is as wrong as before. Which beta is best for people: 8, 4, 2, 1, 1/2, 1/4
    or 1/8?
""")

# %% The best leash

BETAS = np.array([8, 4, 2, 1, 0.5, 0.25, 0.125])
by_reward = np.array([mean(best_policy(learned, beta), truth) for beta in BETAS])
by_truth = np.array([mean(best_policy(truth, beta), truth) for beta in BETAS])
claim(
    "With the learned reward a beta of 1 or 2 is best, 8 gains little, and 1/8 ends below the "
    "reference",
    by_reward.argmax() in (2, 3) and 0 < by_reward[0] < 0.2 and by_reward[-1] < 0,
    "true reward " + ", ".join(f"{x:+.2f}" for x in by_reward),
)


def draw_policy(figure, beta):
    """The best policy for the second prompt under the learned reward."""
    ax = figure.subplots()
    policy = best_policy(learned, beta)
    ax.bar(LENGTH - 0.2, softmax(reference)[1], 0.4, color=COLOR["naive"], label="reference")
    ax.bar(LENGTH + 0.2, softmax(policy)[1], 0.4, color=COLOR["model"], label="best policy")
    ax.axvline(IDEAL[1, 0], color=COLOR["truth"], linestyle=":", label="liked best")
    ax.set(xlabel="answer (sentences)", ylabel="probability", ylim=(0, 1), xticks=LENGTH)
    promise, fact = (np.sum(softmax(policy) * r, axis=1)[1] for r in (learned, truth))
    ax.set_title(f"The learned reward promises {promise:.1f}, people get {fact:+.1f}")
    ax.legend(loc="upper left")


sweep(draw_policy, BETAS, "beta")
predict("""
    Turned round, the third line says that r = beta log(policy / reference) + a constant: every
    policy is a reward model. DPO (direct preference optimisation) trains it as one, on choices. It
    learns no reward and samples nothing. Is it hacked too?
""")

# %% Without a reward model

formula(
    """
    reward model   -log sigmoid(r(chosen) - r(rejected)),      put in r = beta log(p / q) + const:
    DPO            -log sigmoid(beta (log p/q (chosen) - log p/q (rejected)))
    """,
    tex=r"L_\text{DPO} = -\log \sigma\left(\beta \log \frac{p}{q}(\text{chosen}) "
    r"- \beta \log \frac{p}{q}(\text{rejected})\right)",
)


def dpo(beta, counts, policy_of):
    """DPO on choices, counted by pair; policy_of makes scores of what is trained."""

    def loss(x):
        log_p = log_softmax(policy_of(x))
        each = dpo_loss(
            log_p[:, winner], log_p[:, loser], reference[:, winner], reference[:, loser],
            beta=beta, reduction="none",
        )  # fmt: skip
        return np.sum(counts * each) / counts.sum()

    return loss


SOME = (4, 1, 0.125)
endless = {beta: train(dpo(beta, beats, free), reference, steps=400) for beta in SOME[:2]}
gap = max(difference(policy, best_policy(truth, beta)) for beta, policy in endless.items())
claim(
    "From endlessly many choices between all pairs DPO finds the best policy for the true reward",
    gap < 1e-3,
    f"for two betas, probabilities off by at most {gap:.0e}",
)
tilted = [line(train(dpo(beta, choices, line), np.zeros((3, 1)), steps=400)) for beta in SOME]
tables = [train(dpo(beta, choices, free), reference, steps=600) for beta in SOME]
table(
    ["true reward, by beta", *SOME],
    [
        ("best for the learned reward", *(f"{mean(best_policy(learned, beta), truth):+.2f}"
                                          for beta in SOME)),
        ("DPO, a tilted policy", *(f"{mean(policy, truth):+.2f}" for policy in tilted)),
        ("DPO, a free table", *(f"{mean(policy, truth):+.2f}" for policy in tables)),
        ("best for the true reward", *(f"{mean(best_policy(truth, beta), truth):+.2f}"
                                       for beta in SOME)),
    ],
)  # fmt: skip
gap = max(difference(policy, best_policy(learned, beta)) for beta, policy in zip(SOME, tilted))
claim(
    "On the same choices DPO tilts the policy to the very one that is best for the learned reward",
    gap < 1e-3,
    f"for {len(SOME)} betas, off by at most {gap:.0e}",
)
claim(
    "DPO is hacked as well: with beta = 1/8 a tilted policy ends below the reference",
    mean(tilted[-1], truth) < -0.5,
    f"true reward {mean(tilted[-1], truth):+.2f}",
)
lead_of_table = mean(tables[-1], truth) - mean(tilted[-1], truth)
claim(
    "From the same choices, with beta = 1/8, DPO ends higher with a free table than tilted",
    lead_of_table > 0.5,
    f"by {lead_of_table:.1f}",
)
say("""
It is one and the same maximum of likelihood, written with r or with p. So PPO is not to blame, nor
the reward model: it is the guess about answers that hardly anybody has judged (for DPO: Rafailov et
al. 2024, Scaling laws for reward model overoptimization in direct alignment algorithms). A free
table guesses less, but it is not safe: an answer that was seen once, and won, has no highest score
(separation), and with a small beta it may take all the probability.
""")
predict("""
    DPO has relatives, and each of them has a beta. In which of DPO, IPO, KTO and ORPO does a larger
    beta end nearer to the reference?
""")

# %% Four losses, four betas

say("""
Write h for the lead of the chosen answer over the rejected one, log p/q (chosen) - log p/q
(rejected). IPO (identity preference optimisation, Azar et al. 2023) wants a fixed lead. KTO
(Kahneman-Tversky optimisation, Ethayarajh et al. 2024) judges answers one by one. ORPO (odds ratio
preference optimisation, Hong et al. 2024) has no reference: it learns to say the chosen answer.
""")
formula(
    """
    DPO    -log sigmoid(beta h)            slope -beta sigmoid(-beta h): never 0
    IPO    (h - 1 / (2 beta))^2            0 at the lead 1 / (2 beta)
    KTO    1 - sigmoid(beta (log p/q - KL))   for a chosen answer,
           1 - sigmoid(beta (KL - log p/q))   for a rejected one
    ORPO   -log p(chosen) - beta log sigmoid(log odds(chosen) - log odds(rejected)),
           odds = p / (1 - p)
    """,
    tex=r"\begin{aligned} "
    r"\text{DPO} &: -\log \sigma(\beta h) \\ "
    r"\text{IPO} &: \left(h - \tfrac{1}{2 \beta}\right)^2 \\ "
    r"\text{KTO} &: 1 - \sigma\left(\pm \beta \left(\log \tfrac{p}{q} - \text{KL}\right)\right) \\ "
    r"\text{ORPO} &: -\log p_\text{chosen} - \beta \log \sigma\left(\log "
    r"\tfrac{p_\text{chosen}}{1 - p_\text{chosen}} "
    r"- \log \tfrac{p_\text{rejected}}{1 - p_\text{rejected}}\right) \end{aligned}",
)
REFERENCE_PAIRS = reference[:, winner].ravel(), reference[:, loser].ravel()
LOSSES = {
    "DPO": lambda won, lost, now, beta: dpo_loss(
        won, lost, *REFERENCE_PAIRS, beta=beta, reduction="none"
    ),
    "IPO": lambda won, lost, now, beta: ipo_loss(
        won, lost, *REFERENCE_PAIRS, beta=beta, reduction="none"
    ),
    "KTO": lambda won, lost, now, beta: kto_loss(
        won, lost, *REFERENCE_PAIRS, kl(now), beta=beta, reduction="none"
    ),
    "ORPO": lambda won, lost, now, beta: orpo_loss(won, lost, -won, beta=beta, reduction="none"),
}


def judged(name, beta, often=beats):
    """A loss of the table: its mean over all pairs, weighed by how often each goes so."""

    def loss(scores):
        log_p = log_softmax(scores)
        won = log_p[:, winner].ravel()
        lost = log_p[:, loser].ravel()
        each = LOSSES[name](won, lost, scores.data, beta)
        return np.mean(each.reshape(-1, often.size) * often.ravel())  # KTO has two for each pair

    return loss


FEW = (0.25, 1, 4)
policies = {
    name: {beta: train(judged(name, beta), reference, steps=400) for beta in FEW} for name in LOSSES
}
far = {name: np.array([kl(policy) for policy in policies[name].values()]) for name in LOSSES}
table(
    ["nats from the reference, by beta", *FEW],
    [(name, *(f"{x:.3f}" for x in far[name])) for name in LOSSES],
)
claim(
    "In DPO and in IPO a larger beta ends nearer to the reference",
    np.all(np.diff(far["DPO"]) < 0) and np.all(np.diff(far["IPO"]) < 0),
    f"DPO {far['DPO'][0]:.2f} to {far['DPO'][-1]:.2f} nats, IPO {far['IPO'][0]:.2f} to "
    f"{far['IPO'][-1]:.4f}",
)
claim(
    "The same beta = 1 holds IPO more than ten times as near as DPO",
    far["DPO"][1] > 10 * far["IPO"][1],
    f"{far['DPO'][1] / far['IPO'][1]:.0f} times",
)
claim(
    "In KTO a larger beta ends farther from the reference",
    np.all(np.diff(far["KTO"]) > 0),
    f"{far['KTO'][0]:.2f} to {far['KTO'][-1]:.2f} nats",
)
claim(
    "In ORPO beta is not a leash: from 1/4 to 4 it moves the distance by less than 0.2 nats",
    np.ptp(far["ORPO"]) < 0.2,
    f"by {np.ptp(far['ORPO']):.2f}, from {far['ORPO'][0]:.2f} to {far['ORPO'][-1]:.2f}",
)
say("""
In DPO beta is the price of a nat. In IPO it sets the lead at which the loss is content. In KTO it
is the sharpness of a sigmoid around a mean that moves with the policy, and nothing charges for the
distance. In ORPO it weighs the comparison against saying what was chosen. So never carry a beta
over from one loss to another.
""")
predict("Let the better answer win without exception. DPO and IPO train on. Which comes to rest?")

# %% Choices without exception

sure = (truth[:, winner] > truth[:, loser]) * 1.0
lead = {}
for name, beta in (("DPO", 1), ("IPO", 0.1)):
    earlier = train(judged(name, beta, sure), reference, steps=300)
    later = train(judged(name, beta, sure), earlier, steps=300)
    lead[name] = [np.ptp(policy - reference, axis=1).max() for policy in (earlier, later)]
claim(
    "Where the better answer always wins, IPO comes to rest and DPO goes on",
    lead["DPO"][1] > lead["DPO"][0] + 2 and abs(lead["IPO"][1] - lead["IPO"][0]) < 0.01,
    "lead of the best over the worst: DPO {:.1f}, later {:.1f} nats; IPO {:.1f}, {:.1f}".format(
        *lead["DPO"], *lead["IPO"]
    ),
)
liked = truth.argmax(axis=1)[:, np.newaxis]
ends = {"reference": reference, "PPO": runs["16 steps, clip"][2][0][-1]}
ends |= {name: policies[name][1] for name in LOSSES}
ends["IPO"] = policies["IPO"][0.25]
chance = {name: softmax(end)[PROMPTS, liked].mean() for name, end in ends.items()}
table(
    ["", *ends],
    [
        ("beta", "", 1, 1, 0.25, 1, 1),
        ("probability of what people like best", *(f"{x:.1%}" for x in chance.values())),
        ("true reward", *(f"{mean(end, truth):+.2f}" for end in ends.values())),
        ("nats from the reference", *(f"{kl(end):.2f}" for end in ends.values())),
    ],
)
lowest = min(chance[name] for name in ends if name != "reference")
claim(
    "PPO, DPO, IPO, KTO and ORPO all raise the probability of the best answer by half or more",
    lowest > 1.5 * chance["reference"],
    f"from {chance['reference']:.1%} to {lowest:.1%} or more",
)

# %% The picture

fig, ((hack_panel, clip_panel), (beta_panel, leash_panel)) = plt.subplots(2, 2, figsize=(10, 8))
hack_panel.plot(promised, "--", color=COLOR["naive"], label="promised: learned reward")
hack_panel.plot(got, color=COLOR["naive"], label="got: true reward")
hack_panel.plot(honest, color=COLOR["truth"], label="PPO with the true reward")
hack_panel.set(xlabel="round of PPO without KL", ylabel="mean reward, above the reference")
hack_panel.set_xticks(range(0, ROUNDS + 1, 5))
hack_panel.set_title("Hacked: the promise rises, the truth falls")
hack_panel.legend(loc="center right")
for name, color, style in (
    ("1 step", COLOR["truth"], "o:"),
    ("16 steps", COLOR["naive"], "o-"),
    ("16 steps, clip", COLOR["ppo"], "o-"),
):
    clip_panel.plot(RATES, earned[name], style, color=color, label=name)
clip_panel.axhline(optimum, color=COLOR["truth"], linewidth=1, label="best possible")
clip_panel.set(xscale="log", xlabel="learning rate", ylabel="true reward - KL (nats)")
clip_panel.set_title("The clip forgives a high rate")
clip_panel.legend(loc="lower left")
beta_panel.plot(BETAS, by_truth, ":", color=COLOR["truth"], label="best for the true reward")
beta_panel.plot(BETAS, by_reward, "--", color=COLOR["ppo"], label="best for the learned reward")
line_rewards = [mean(policy, truth) for policy in tilted]
table_rewards = [mean(policy, truth) for policy in tables]
beta_panel.plot(SOME, line_rewards, "o", color=COLOR["dpo"], label="DPO, tilted policy")
beta_panel.plot(SOME, table_rewards, "^", color=COLOR["dpo"], mfc="white", label="DPO, free table")
beta_panel.set(xscale="log", xlabel="beta (larger: a shorter leash)", ylabel="true reward")
beta_panel.set_title("On the same choices DPO is hacked as well")
beta_panel.legend(loc="lower right")
for name in LOSSES:
    leash_panel.plot(FEW, far[name], "o-", color=COLOR[name.lower()], label=name)
leash_panel.set(xscale="log", yscale="log", xlabel="beta", ylabel="KL to the reference (nats)")
leash_panel.set_title("A larger beta: nearer, farther, or neither")
leash_panel.legend(loc="lower left")
for ax, ticks in ((clip_panel, RATES), (beta_panel, BETAS), (leash_panel, FEW)):
    ax.set_xticks(ticks)
    ax.set_xticklabels([f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
save(fig)

# %% Take away

takeaway("""
    A learned reward is right where people have chosen, and a guess elsewhere. Whatever generalises
    (reward model or policy) carries the guess along, and then PPO and DPO are hacked alike: on the
    same choices they have the same best policy. Stay near the reference, and judge by people, not
    by the learned reward. PPO's clip acts when the same answers are used for several steps; it
    forgives a high rate. Beta is the price of a nat in PPO and DPO only: look up what it means in
    your loss. Where no choice goes the other way, DPO's leash breaks and IPO's holds.

    Next: lesson 31 designs losses of your own.
""")
exercises(
    [
        "Ask for ten times as many choices (`CHOICES = 5000`). Is the tilted policy still hacked "
        "at beta = 1/8? And if people are shown all pairs equally often (`shown = "
        "np.ones((3, 90))`)?",
        "Run it with `--seed 29`. With beta = 1/8 DPO's free table ends below the reference. Which "
        "answer to the first prompt has nearly all the probability, and how often was it shown?",
        "Let a fifth of the endless choices be errors: train DPO with beta = 1 on `0.6 * beats + "
        "0.2`. What true reward does it reach? Does `label_smoothing=0.2` undo that?",
    ]
)
