"""Lesson 23. Ranking

A shop, a search engine, a player of music need an order, not a number: what stands first counts. A
pointwise loss charges each score for its distance from a target; a pairwise loss charges two scores
for standing in the wrong order.

Lesson 6 showed what large targets do to MSE, lesson 21 what a margin does. Here a toy recommender
puts the songs in order that a listener has not heard.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, table, takeaway

from microloss import Tensor
from microloss.losses import bpr_loss, margin_ranking_loss, mse_loss
from microloss.metrics import ndcg
from microloss.optim import Adam

rng = begin()

# ---- a number or an order ------------------------------------------------------------------------


def in_order(score, count):
    """The share of pairs with unequal counts, in each row, whose scores are in the same order."""
    by_score, by_count = (x[:, :, None] - x[:, None] for x in (score, count))
    return np.mean((by_score * by_count > 0)[by_count != 0])


predict("""
    You play three songs 20, 3 and 1 times. One model guesses 20, 1, 3; the other 9, 6, 5. Which
    has the lower MSE? Which puts the songs in your order?
""")
played, close, ordered = np.array([[[20.0, 3, 1]], [[20, 1, 3]], [[9, 6, 5]]])
errors, orders = zip(*[(mse_loss(x, played), in_order(x, played)) for x in (close, ordered)])
claim(
    "the first has the lower MSE, the second the right order",
    errors[0] < errors[1] and orders[0] < orders[1] == 1,
    "{:.1f} against {:.1f}; {:.0%} against {:.0%} of the pairs".format(*errors, *orders),
)
say("""
The share of pairs in order has no gradient: it is flat until two songs change places. Two losses of
d = score of the better - score of the worse stand in for it:

    BPR       -log sigmoid(d)         never quite content: its gradient is -sigmoid(-d)
    margin    max(0, margin - d)      content as soon as d reaches the margin
""")
d, equal, better = rng.normal(scale=2, size=1000), np.zeros(1000), np.ones(1000)
above = margin_ranking_loss(d, equal, better, margin=1), bpr_loss(d, equal) / np.log(2)
claim(
    "the margin loss (margin 1) and BPR / ln 2 are never below the share of wrong pairs",
    np.mean(d <= 0) < min(above),
    "{:.2f} and {:.2f} for a share of {:.2f}".format(*above, np.mean(d <= 0)),
)
predict("PyTorch's default margin is 0. What is the laziest way to the loss 0 then?")
lazy = margin_ranking_loss(equal, equal, better)
claim("the same score for every song", lazy == 0, f"loss {lazy:.0f}: choose a margin")

# ---- a recommender -------------------------------------------------------------------------------

say("""
Now 200 listeners and 80 songs. A listener's taste for a song is a product of three hidden traits
of both, plus the song's appeal. Plays are Poisson, with the mean exp(1.5 + taste / 2 + habit): a
favourite is played far more often than the rest, and some people play music all day. Of each
listener we see 30 songs, and shall put the other 50 in order. The score has taste's own form, three
traits and the appeal, plus a number for the listener's habit. Only the loss differs.
""")
LISTENERS, SONGS, SEEN = 200, 80, 30
taste = rng.uniform(-2, 2, size=(LISTENERS, 3)) @ rng.uniform(-1, 1, size=(3, SONGS))
taste += 0.7 * rng.normal(size=SONGS)
habit = rng.uniform(-2, 2, size=(LISTENERS, 1))
plays = rng.poisson(np.exp(1.5 + taste / 2 + habit)).astype(float)
who, songs = np.arange(LISTENERS)[:, None], np.tile(np.arange(SONGS), (LISTENERS, 1))
seen, hidden = np.split(rng.permuted(songs, axis=1), [SEEN], axis=1)
known, asked = plays[who, seen], plays[who, hidden]


def some_pairs(score, count, rng):
    """Scores of random pairs of a listener's songs; of the counts only the order is used."""
    user, (one, other) = rng.integers(LISTENERS, size=4000), rng.integers(SEEN, size=(2, 4000))
    first = count[user, one] > count[user, other]
    user, one, other = user[first], one[first], other[first]
    return score[user, one], score[user, other], np.ones(len(user))


LOSSES = {
    "MSE": lambda score, count, rng: mse_loss(score, count),
    "MSE of logs": lambda score, count, rng: mse_loss(score, np.log1p(count)),
    "margin": lambda *given: margin_ranking_loss(*some_pairs(*given), margin=1),
    "BPR": lambda *given: bpr_loss(*some_pairs(*given)[:2]),
}


def recommend(loss, count):
    """Train on the seen songs; returns all scores, and three metrics of the hidden on the way."""
    rng, history = np.random.default_rng(args.seed), []  # the same start and pairs for each loss
    shapes = (LISTENERS, 3), (3, SONGS), (1, SONGS), (LISTENERS, 1)
    params = [Tensor(0.1 * rng.normal(size=shape), requires_grad=True) for shape in shapes]
    optimizer = Adam(params, lr=0.1)
    for step in range(401):
        listener, song, appeal, base = params
        score = listener @ song + appeal + base
        if step % 20 == 0:
            answers = score.data[who, hidden]
            # a score need not be in plays: the best line through the seen songs translates it
            line = np.polyfit(score.data[who, seen].ravel(), known.ravel(), 1)
            rmse = np.sqrt(np.mean((np.polyval(line, answers) - asked) ** 2))
            history.append((in_order(answers, asked), ndcg(answers, asked, k=10), rmse))
        optimizer.zero_grad()
        loss(score[who, seen], count, rng).backward()
        optimizer.step()
    return score.data, np.array(history)


predict("""
    Four losses: MSE of the plays, MSE of log(1 + plays), the margin loss, BPR. Which comes closest
    to the hidden plays, and which puts most pairs of hidden songs in order? (NDCG@10 asks for the
    top: the plays of the ten songs put first, earlier ones weighing more, 1 for the best order.)
""")
scores, paths, best = {}, {}, {}
for name, loss in LOSSES.items():
    scores[name], paths[name] = recommend(loss, known)
    best[name] = *paths[name][:, :2].max(axis=0), paths[name][:, 2].min()
say("Each metric of each loss at its best step:")
rows = [(name, f"{o:.1%}", f"{top:.3f}", f"{rmse:.2f}") for name, (o, top, rmse) in best.items()]
table(["loss", "pairs in order", "NDCG@10", "RMSE (plays)"], rows)
order, top, rmse = (dict(zip(best, column)) for column in zip(*best.values()))
lead = [min(metric["margin"], metric["BPR"]) - metric["MSE"] for metric in (order, top)]
gained = "pairs in order by {:.3f}, NDCG@10 by {:.3f} or more".format(*lead)
claim("margin and BPR beat MSE at the order, also at the top", min(lead) > 0.02, gained)
worse = min(rmse["margin"], rmse["BPR"]) / rmse["MSE"]
claim("and lose to it in plays", worse > 1.05, f"their RMSE is at least {worse:.2f} times as large")
say("""
They had no chance there: a listener's habit cancels within each pair, so they never learn it.
MSE spends its traits on those who play music all day. It too has a cure.
""")
close = order["MSE of logs"] - order["BPR"]
claim("on logarithms, MSE ranks as well", close > -0.01, f"{100 * close:+.1f} points next to BPR")
predict("""
    That log was no guess: we knew how plays come about. Say the counter squares all counts, and
    nobody told us. What becomes of MSE's order, and of BPR's?
""")
squared, (_, path) = recommend(LOSSES["BPR"], known**2)[0], recommend(LOSSES["MSE"], known**2)
same, spoiled = np.array_equal(squared, scores["BPR"]), order["MSE"] - path[:, 0].max()
claim("BPR's scores are the same to the last bit", same, "as for any rising function of the counts")
claim("MSE's order gets worse", spoiled > 0.03, f"{100 * spoiled:.1f} points fewer pairs")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8))
colors, steps = [COLOR[key] for key in ("mse", "mse", "hinge", "bce")], np.arange(0, 401, 20)
for (name, path), color, line in zip(paths.items(), colors, ("-", "--", "-", "-")):
    axes[0].plot(steps, 100 * path[:, 0], color=color, ls=line, label=name)
    axes[1].plot(steps, path[:, 2], color=color, ls=line)
axes[0].set(xlabel="step", ylabel="hidden pairs in order (%)", title="MSE is worst at the order")
axes[1].set(xlabel="step", ylabel="RMSE (plays)", title="... and best at the number")
axes[0].legend(loc="lower right")
save(fig)

takeaway("""
    A pointwise loss asks how much, a pairwise one which of two. Where only the order counts, a
    ranking loss learns it without knowing the scale; where the scale is known, MSE on it ranks as
    well and gives a number too. Give the margin loss a margin.

    Next: lesson 24 reads a string of digits without being told where each one stands.
""")
exercises(
    [
        "Divide each listener's plays by their mean, for MSE. How much of BPR's lead is left?",
        "Weight each pair by what its swap would cost in NDCG@10. Does NDCG@10 rise?",
        "Only whether a song was played is known: known > 0. Which losses still work?",
    ]
)
