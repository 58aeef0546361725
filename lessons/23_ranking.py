"""Lesson 23. Ranking

A shop, a search engine, a player of music need an order, not a number: what stands first counts. A
pointwise loss charges each score for its distance from a target; a pairwise loss charges two scores
for standing in the wrong order.

Lesson 6 showed what large targets do to MSE, lesson 21 what a margin does. Here a toy recommender
puts the songs in order that a listener has not heard, and the question is what really makes the
difference: pairs, or the scale on which numbers are compared.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.losses import bpr_loss, margin_ranking_loss, mse_loss, poisson_nll_loss
from microloss.metrics import ndcg
from microloss.optim import Adam

rng = begin()

# %% A number or an order


def in_order(scores, counts):
    """The share of pairs with unequal counts, in each row, whose scores are in the same order."""
    by_score = scores[:, :, None] - scores[:, None]
    by_count = counts[:, :, None] - counts[:, None]
    return np.mean((by_score * by_count > 0)[by_count != 0])


predict("""
    You play three songs 20, 3 and 1 times. One model guesses 20, 1, 3; the other 9, 6, 5. Which
    has the lower MSE? Which puts the songs in your order?
""")

# %% Two answers

played = np.array([[20.0, 3.0, 1.0]])
close_guess = np.array([[20.0, 1.0, 3.0]])
ordered_guess = np.array([[9.0, 6.0, 5.0]])
errors = mse_loss(close_guess, played), mse_loss(ordered_guess, played)
orders = in_order(close_guess, played), in_order(ordered_guess, played)
claim(
    "The guess with the lower MSE has the worse order",
    errors[0] < errors[1] and orders[0] < orders[1],
    f"MSE {errors[0]:.1f} against {errors[1]:.1f}, pairs {orders[0]:.0%} and {orders[1]:.0%}",
)
say("""
The share of pairs in order has no gradient: it is flat until two songs change places. Two losses of
d = score of the better - score of the worse stand in for it. BPR (Bayesian personalised ranking,
Rendle et al. 2009) is the negative log-likelihood of the order if sigmoid(d) is its probability:
""")
formula(
    """
    BPR      -log sigmoid(d)        slope -sigmoid(-d): never quite content
    margin   max(0, margin - d)     slope -1, and 0 as soon as d reaches the margin
    """,
    tex=r"\text{BPR} = -\log \sigma(d), \quad \frac{\partial}{\partial d} = -\sigma(-d); \qquad "
    r"\text{margin} = \max(0, m - d)",
)
d = rng.normal(scale=2, size=1000)
zeros = np.zeros(1000)
better = np.ones(1000)
wrong_share = np.mean(d <= 0)
margin_bound = margin_ranking_loss(d, zeros, better, margin=1, reduction="none")
bpr_bound = bpr_loss(d, zeros, reduction="none") / np.log(2)
claim(
    "For every d the margin loss (margin 1) and BPR / ln 2 are at least 1 where the pair is wrong",
    np.all(margin_bound >= (d <= 0)) and np.all(bpr_bound >= (d <= 0)),
    f"means {margin_bound.mean():.2f} and {bpr_bound.mean():.2f}, share of wrong pairs "
    f"{wrong_share:.2f}",
)
predict("PyTorch's default margin is 0. What is the laziest way to the loss 0 then?")

# %% Give it a margin

lazy = margin_ranking_loss(zeros, zeros, better)
claim(
    "With margin 0 the same score for every song has the loss 0",
    lazy == 0,
    f"loss {lazy:.0f}",
)

# %% A recommender

say("""
Now 200 listeners and 80 songs. A listener's taste for a song is a product of three hidden traits
of both, plus the song's appeal. Plays are Poisson, with the mean exp(1.5 + taste / 2 + habit): a
favourite is played far more often than the rest, and some people play music all day. Of each
listener we know 30 songs: 22 to learn from, 8 to choose the number of steps. The other 50 should be
put in order. The score has taste's own form, three traits and the appeal, plus a number for the
listener's habit. Only the loss differs.
""")
LISTENERS, SONGS, LEARNED, CHECKED = 200, 80, 22, 8
taste = rng.uniform(-2, 2, size=(LISTENERS, 3)) @ rng.uniform(-1, 1, size=(3, SONGS))
taste += 0.7 * rng.normal(size=SONGS)
habit = rng.uniform(-2, 2, size=(LISTENERS, 1))
plays = rng.poisson(np.exp(1.5 + taste / 2 + habit)).astype(float)
listener = np.arange(LISTENERS)[:, None]
shuffled = rng.permuted(np.tile(np.arange(SONGS), (LISTENERS, 1)), axis=1)
learned, checked, hidden = np.split(shuffled, [LEARNED, LEARNED + CHECKED], axis=1)


def some_pairs(scores, counts, rng):
    """Scores of random pairs of a listener's songs; of the counts only the order is used."""
    who = rng.integers(LISTENERS, size=4000)
    one, other = rng.integers(LEARNED, size=(2, 4000))
    one_is_better = counts[who, one] > counts[who, other]
    who, one, other = who[one_is_better], one[one_is_better], other[one_is_better]
    return scores[who, one], scores[who, other]


def margin_loss(scores, counts, rng):
    good, bad = some_pairs(scores, counts, rng)
    return margin_ranking_loss(good, bad, np.ones(good.shape), margin=1)


LARGEST = 7  # beyond e^7 plays a score is not believed
LOSSES = {  # name -> (loss of the scores, what turns a score into plays, colour, line)
    "MSE": (lambda s, n, rng: mse_loss(s, n), lambda s: s, "mse", "-"),
    "MSE of logs": (
        lambda s, n, rng: mse_loss(s, np.log1p(n)),
        lambda s: np.expm1(np.minimum(s, LARGEST)),
        "mse",
        "--",
    ),
    "Poisson": (
        lambda s, n, rng: poisson_nll_loss(s, n),
        lambda s: np.exp(np.minimum(s, LARGEST)),
        "mae",
        "-",
    ),
    "margin": (margin_loss, None, "hinge", "-"),
    "BPR": (lambda s, n, rng: bpr_loss(*some_pairs(s, n, rng)), None, "bce", "-"),
}
STEPS = 701
EVERY = 20


def recommend(loss, counts):
    """All scores every 20 steps of Adam; the same start and the same pairs for each loss."""
    own_rng = np.random.default_rng(args.seed)
    shapes = (LISTENERS, 3), (3, SONGS), (1, SONGS), (LISTENERS, 1)
    params = [Tensor(0.1 * own_rng.normal(size=shape), requires_grad=True) for shape in shapes]
    traits, qualities, appeal, base = params
    optimizer = Adam(params, lr=0.05)
    history = []
    for step in range(STEPS):
        scores = traits @ qualities + appeal + base
        if step % EVERY == 0:
            history.append(scores.data)
        optimizer.zero_grad()
        loss(scores[listener, learned], counts[listener, learned], own_rng).backward()
        optimizer.step()
    return history


def orders_of(history, songs):
    return np.array([in_order(s[listener, songs], plays[listener, songs]) for s in history])


def errors_of(history, songs, to_plays):
    """Root mean squared errors in plays."""
    guesses = [to_plays(scores[listener, songs]) for scores in history]
    return np.array([np.sqrt(np.mean((g - plays[listener, songs]) ** 2)) for g in guesses])


predict("""
    Five losses: MSE of the plays, MSE of log(1 + plays), the Poisson likelihood, the margin loss,
    BPR. Which comes closest to the hidden plays, and which puts most hidden pairs in order?
    (NDCG@10 asks for the top: the plays of the ten songs put first, earlier ones weighing more, 1
    for the best order.)
""")

# %% Who is first

histories = {name: recommend(loss, plays) for name, (loss, *_) in LOSSES.items()}
order, top, rmse, curves = {}, {}, {}, {}
for name, (_, to_plays, *_) in LOSSES.items():
    history = histories[name]
    curves[name] = orders_of(history, hidden)
    chosen = orders_of(history, checked).argmax()
    order[name] = curves[name][chosen]
    top[name] = ndcg(history[chosen][listener, hidden], plays[listener, hidden], k=10)
    if to_plays:
        chosen = errors_of(history, checked, to_plays).argmin()
        rmse[name] = errors_of(history, hidden, to_plays)[chosen]
counted = np.zeros((LISTENERS, SONGS))
counted[listener, learned] = 1
popularity = np.broadcast_to(np.sum(plays * counted, axis=0) / counted.sum(axis=0), plays.shape)
order["most played first"] = in_order(popularity[listener, hidden], plays[listener, hidden])
top["most played first"] = ndcg(popularity[listener, hidden], plays[listener, hidden], k=10)
table(
    ["loss", "pairs in order", "NDCG@10", "RMSE (plays)"],
    [
        (
            name,
            f"{order[name]:.1%}",
            f"{top[name]:.3f}",
            f"{rmse[name]:.2f}" if name in rmse else "-",
        )
        for name in order
    ],
)
others = [order[name] for name in LOSSES if name != "MSE"]
claim(
    "MSE of the plays puts fewer pairs in order than each of the other four losses",
    order["MSE"] < min(others) - 0.01,
    f"{100 * (min(others) - order['MSE']):.1f} points fewer than the next",
)
claim(
    "Every loss beats the order of most played first",
    min(order[name] for name in LOSSES) > order["most played first"],
    f"by {100 * (order['MSE'] - order['most played first']):.1f} points or more",
)
pairwise = max(order["margin"], order["BPR"])
pointwise = max(order["MSE of logs"], order["Poisson"])
claim(
    "The better pointwise loss on the scale of logarithms orders as well as the better pairwise "
    "loss, to 1.5 points",
    pointwise > pairwise - 0.015,
    f"{100 * (pointwise - pairwise):+.1f} points",
)
claim(
    "Through its own inverse MSE of logs predicts plays with a lower error than MSE of plays does",
    rmse["MSE of logs"] < rmse["MSE"],
    f"{rmse['MSE of logs'] / rmse['MSE']:.2f} times the error: RMSE {rmse['MSE of logs']:.2f} "
    f"against {rmse['MSE']:.2f}, Poisson {rmse['Poisson']:.2f}",
)
say("""
So it was not the pairs: it was the scale. On raw counts a few listeners who play all day own the
squared error, and the traits are spent on them. Counts grow by factors; a loss that compares on the
scale of logarithms, or as Poisson does with log-rates, hears everyone, orders well, and gives the
number too. The scores of BPR and of the margin loss have no unit, so they predict no plays at all.
What then is a pairwise loss for?
""")
predict("""
    The log was no guess: we knew how plays come about. Say the counter squares all counts, and
    nobody told us. What becomes of the order of MSE, of Poisson, and of BPR?
""")

# %% When the scale is unknown

squared = {name: recommend(LOSSES[name][0], plays**2) for name in ("MSE", "Poisson", "BPR")}
squared_order = {}
for name, history in squared.items():
    squared_order[name] = orders_of(history, hidden)[orders_of(history, checked).argmax()]
table(
    ["loss", "order from plays", "order from squared plays"],
    [(name, f"{order[name]:.1%}", f"{squared_order[name]:.1%}") for name in squared],
)
claim(
    "From squared counts BPR learns the same scores to the last bit",
    np.array_equal(squared["BPR"][-1], histories["BPR"][-1]),
    "as for every rising function of the counts",
)
claim(
    "From squared counts MSE puts more than 2 points fewer pairs in order",
    squared_order["MSE"] < order["MSE"] - 0.02,
    f"{100 * (order['MSE'] - squared_order['MSE']):.1f} points fewer",
)
say("""
A pairwise loss uses nothing but the order, so no wrong scale can harm it. That is its home: clicks
and purchases (implicit feedback), where a number behind the choice does not exist.
""")

# %% The picture

fig, (order_panel, error_panel) = plt.subplots(1, 2, figsize=(10, 4.2))
steps = np.arange(0, STEPS, EVERY)
for name, (_, _, color, line) in LOSSES.items():
    order_panel.plot(steps, 100 * curves[name], color=COLOR[color], linestyle=line, label=name)
order_panel.axhline(100 * order["most played first"], color=COLOR["truth"], linestyle=":",
                    label="most played first")  # fmt: skip
order_panel.set(xlabel="step", ylabel="hidden pairs in order (%)")
order_panel.set_title("MSE of raw plays is worst at the order")
order_panel.legend(loc="lower right", fontsize=8)
names = list(squared)
places = np.arange(len(names))
before = [100 * order[name] for name in names]
after = [100 * squared_order[name] for name in names]
error_panel.bar(places - 0.2, before, 0.4, color=COLOR["stable"], label="from plays")
error_panel.bar(places + 0.2, after, 0.4, color=COLOR["naive"], label="from squared plays")
error_panel.set(xticks=places, ylabel="hidden pairs in order (%)", ylim=(50, 100))
error_panel.set_xticklabels(names)
error_panel.set_title("Only BPR does not care for the scale")
error_panel.legend(loc="upper left")
save(fig)

# %% Take away

takeaway("""
    A pointwise loss asks how much, a pairwise one which of two. Before you change to pairs, look at
    the scale: on the right one (logarithms, or the likelihood of the counts) a pointwise loss
    orders as well and gives a number too. Where the scale is unknown, or only choices are seen, a
    pairwise loss learns all there is. Give the margin loss a margin, and choose the number of steps
    on songs held back.

    Next: lesson 24 reads a string of digits without being told where each one stands.
""")
exercises(
    [
        "Divide each listener's plays by their mean, for MSE. How many points does its order gain?",
        "Only whether a song was played is known (`plays > 0`). What orders do BPR and MSE reach?",
    ]
)
