"""Lesson 13. How far apart are two distributions?

A divergence says how far one distribution is from another, and which way round you ask decides what
a model learns: to cover all that is possible, or to be sure of one thing. The Kullback-Leibler
divergence (KL) is what cross-entropy has been minimising all along.

Lessons 10 to 12 had one true class for each image. Now the truth itself is a distribution: over the
weather, over a line, and at last over the ten digits, as a large network sees them. From that one a
small network learns more than from the labels.
"""

from functools import partial

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

from microloss import Tensor, grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, distillation_loss, js_divergence, kl_div, kl_divergence
from microloss.metrics import accuracy
from microloss.nn import MLP
from microloss.optim import Adam, AdamW, CosineAnnealingLR
from microloss.training import fit

rng = begin()
predict("""
    It rains on 10 % of the days. One forecaster always says 20 %, the other 0.01 %. Both are off by
    ten points, or nearly so. Whose word would you rather bet on?
""")

# %% What a wrong forecast costs

truth = np.array([0.1, 0.9])
high = np.array([0.2, 0.8])
low = np.array([0.0001, 0.9999])
square_high, square_low = (np.mean((said - truth) ** 2) for said in (high, low))
kl_high, kl_low = (kl_divergence(truth, said).item() for said in (high, low))
claim(
    "The squared error takes the two forecasters for equally good, under KL one costs more than "
    "ten times as much",
    abs(square_low / square_high - 1) < 0.01 and kl_low > 10 * kl_high,
    f"squared errors {square_high:.4f} and {square_low:.4f}, KL {kl_high:.3f} and {kl_low:.3f} "
    "nats",
)
say("""
The surprise at what happens is -log of the probability that the forecast gave it. KL(p || q) is the
mean surprise of the forecast q where p is the truth, beyond what nobody can avoid, the entropy H of
the truth (Kullback and Leibler 1951, On information and sufficiency). So together they make the
cross-entropy of p and q, and it is never negative, as log x is at most x - 1:
""")
formula(
    """
    KL(p || q)          = sum p log(p / q)
    cross-entropy(p, q) = -sum p log q  =  -sum p log p + sum p log(p / q)  =  H(p) + KL(p || q)
    -KL(p || q)         = sum p log(q / p)  <=  sum p (q / p - 1)  =  sum q - sum p  =  0
    """,
    tex=r"\begin{aligned} \operatorname{KL}(p \,\|\, q) &= \sum p \log \frac{p}{q} \\"
    r"-\sum p \log q &= H(p) + \operatorname{KL}(p \,\|\, q) \\"
    r"-\operatorname{KL}(p \,\|\, q) &= \sum p \log \frac{q}{p} \le "
    r"\sum p \left(\frac{q}{p} - 1\right) = 0 \end{aligned}",
)
z = Tensor(rng.normal(size=(8, 10)), requires_grad=True)
p = F.softmax(2 * rng.normal(size=(8, 10)))
entropy = -np.sum(p * np.log(p), axis=1).mean()
ce = cross_entropy(z, p)
divergence = kl_divergence(p, F.softmax(z))
gap = abs(ce.item() - entropy - divergence.item())
slope_gap = np.abs(grad(ce, z)[0] - grad(divergence, z)[0]).max()
claim(
    "Cross-entropy is entropy plus KL, and both have the same gradient: the entropy of the truth "
    "does not depend on the model",
    gap < 1e-12 and slope_gap < 1e-14,
    f"off by {gap:.0e}, gradients by {slope_gap:.0e}; {ce.item():.4f} = {entropy:.4f} + "
    f"{divergence.item():.4f}",
)
say("""
The Jensen-Shannon divergence (JS) is the mean KL of both to their mixture m = (p + q) / 2.
""")
formula(
    "JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2,    m = (p + q) / 2",
    tex=r"\operatorname{JS}(p, q) = \tfrac12 \operatorname{KL}(p \,\|\, m) + "
    r"\tfrac12 \operatorname{KL}(q \,\|\, m), \qquad m = \tfrac12 (p + q)",
)
predict("""
    A distance is the same there and back, and no detour is shorter than the straight way. Is KL a
    distance? Is JS?
""")

# %% A divergence is not a distance

there, back = kl_divergence(truth, low).item(), kl_divergence(low, truth).item()
js_there, js_back = js_divergence(truth, low).item(), js_divergence(low, truth).item()
claim(
    "KL differs there and back, JS does not",
    abs(there - back) > 0.1 and abs(js_there - js_back) < 1e-14,
    f"KL {there:.3f} and {back:.3f} nats, JS {js_there:.4f} and {js_back:.4f}",
)
rain, sun = np.eye(2)
kl_apart, js_apart = kl_divergence(rain, sun).item(), js_divergence(rain, sun).item()
claim(
    "Where nothing is shared KL is infinite, and JS is ln 2, its largest value",
    kl_apart == np.inf and abs(js_apart - np.log(2)) < 1e-14,
    f"{kl_apart} and {js_apart:.4f}",
)
a, b, c = F.softmax(2 * rng.normal(size=(3, 20_000, 3)))


def share_of_short_detours(distance):
    """Share of triples in which a, b, c is shorter than a, c; rounding does not count."""
    return np.mean(distance(a, b) + distance(b, c) < distance(a, c) - 1e-12)


def root_of_js(p, q):
    return np.sqrt(js_divergence(p, q, reduction="none"))


detours = {
    "KL": share_of_short_detours(partial(kl_divergence, reduction="none")),
    "JS": share_of_short_detours(partial(js_divergence, reduction="none")),
    "root of JS": share_of_short_detours(root_of_js),
}
claim(
    "A detour is often shorter under KL and under JS, and never under the root of JS",
    detours["KL"] > 0.01 and detours["JS"] > 0.01 and detours["root of JS"] == 0,
    ", ".join(f"{name} {share:.0%}" for name, share in detours.items())
    + " of 20,000 random triples",
)
say("""
So neither is a distance, which is why they are called divergences; the root of JS is one (Endres
and Schindelin 2003, A new metric for probability distributions).
""")
predict("""
    The truth has two hills. The model is one Gaussian, and can only choose its place and its width.
    Where will it settle under forward KL, KL(truth || model)? Under reverse KL, KL(model || truth)?
""")

# %% Which way round

say("""
Forward KL: take the slopes of the mean surprise of the Gaussian. Reverse KL: where the model sits
on one of two hills that hardly overlap, the truth there is w times that hill.
""")
formula(
    """
    forward, over place m:   d/dm E[(x - m)^2 / (2 s^2)] = 0            m   = E[x]
    forward, over width s:   d/ds (log s + E[(x - m)^2] / (2 s^2)) = 0  s^2 = E[(x - m)^2]
    reverse, on one hill:    E_q log(q / (w q)) = -log w
    """,
    tex=r"\begin{aligned} \frac{\partial}{\partial m} \mathbb{E}_p \frac{(x - m)^2}{2 s^2} = 0 "
    r"&\Rightarrow m = \mathbb{E}_p[x] \\ \frac{\partial}{\partial s} \left(\log s + "
    r"\mathbb{E}_p \frac{(x - m)^2}{2 s^2}\right) = 0 &\Rightarrow s^2 = \mathbb{E}_p[(x - m)^2] \\"
    r"\mathbb{E}_q \log \frac{q}{w\, q} &= -\log w \end{aligned}",
)
x = np.linspace(-14, 14, 281)
WEIGHTS = np.array([0.6, 0.4])
HILLS = np.array([-2.5, 3.0])
WIDTH = 0.7
hills = F.softmax(-(((x - HILLS[:, None]) / WIDTH) ** 2) / 2)  # over the grid, each sums to 1
two_hills = WEIGHTS @ hills


def settle(divergence, starts, steps=800):
    """Place and width of one Gaussian for each start, and the divergence reached."""
    place = Tensor(starts[:, None], requires_grad=True)
    log_width = Tensor(np.zeros_like(starts)[:, None], requires_grad=True)
    optimizer = Adam([place, log_width], lr=0.1)
    schedule = CosineAnnealingLR(optimizer, T_max=steps)
    target = np.broadcast_to(two_hills, (len(starts), len(x)))
    for _ in range(steps):
        optimizer.zero_grad()
        log_q = F.log_softmax(-(((x - place) / np.exp(log_width)) ** 2) / 2)
        each = divergence(log_q, target)
        each.sum().backward()
        optimizer.step()
        schedule.step()
    return place.data[:, 0], np.exp(log_width.data[:, 0]), each.data


def forward(log_q, p):
    return kl_div(log_q, p, reduction="none").sum(axis=1)


def reverse(log_q, p):
    return kl_divergence(np.exp(log_q), p, reduction="none")


starts = rng.uniform(-5, 5, size=24)
mean = two_hills @ x
spread = np.sqrt(two_hills @ (x - mean) ** 2)
place, width, cost = settle(forward, starts)
covering = place[0], width[0]
off = max(np.abs(place - mean).max(), np.abs(width - spread).max())
claim(
    "Forward KL takes on the mean and the spread of the truth, from every start",
    off < 0.01,
    f"off by {off:.0e} at most: at {mean:.2f}, {spread:.2f} wide, from {len(starts)} starts",
)
place, width, cost = settle(reverse, starts)
on_hill = (np.abs(place[:, None] - HILLS) < 0.05) & (np.abs(width[:, None] - WIDTH) < 0.05)
left, right = on_hill.sum(axis=0)
seeking = place[cost.argmin()], width[cost.argmin()]
claim(
    "Reverse KL takes one hill and its width from more than three of four starts, and each hill "
    "from some",
    left + right > 0.75 * len(starts) and left > 0 and right > 0,
    f"of {len(starts)} starts {left} end on the left hill, {right} on the right, "
    f"{len(starts) - left - right} elsewhere",
)
costs = [cost[on_hill[:, hill]].mean() for hill in (0, 1)]
claim(
    "On a hill of weight w reverse KL is -log w, so the greater hill is the better answer",
    np.allclose(costs, -np.log(WEIGHTS), atol=1e-2),
    f"{costs[0]:.3f} and {costs[1]:.3f} nats, -log w is {-np.log(0.6):.3f} and {-np.log(0.4):.3f}",
)
say("""
Forward KL is infinite where the model rules out what happens, so the model covers all of it (it is
mass-covering): cross-entropy is of this kind. Reverse KL is large where the model does what hardly
ever happens, so the model stays on one hill, a mode of the truth (it is mode-seeking; Minka 2005,
Divergence measures and message passing): we meet it in lesson 26 and in lesson 30.
""")

# %% A teacher

FEW = 5  # images of each digit
DRAWS = 6
STEPS = 400
X, y = load_digits()
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=500, seed=rng, stratify=y)
teacher = MLP(64, 256, 10, rng=args.seed)
optimizer = Adam(teacher.parameters(), lr=0.003)
fit(teacher, cross_entropy, optimizer, X_train, y_train, epochs=20, rng=rng)
few = np.array([
    np.concatenate(
        [rng.choice(np.flatnonzero(y_train == c), FEW, replace=False) for c in range(10)]
    )
    for _ in range(DRAWS)
])  # fmt: skip
labels = y_train[few].ravel()
beliefs = teacher(X_train[few]).data.reshape(-1, 10)  # the teacher's scores (logits)
teacher_reads = accuracy(teacher(X_test).data.argmax(axis=1), y_test)
say(f"""
A large network, 64-256-10, has learned from {len(X_train)} labelled images and reads
{teacher_reads:.1%} of the test images. A student of 64-16-10 sees only {10 * FEW} of these images,
{FEW} of each digit. It may learn their labels, or what the teacher thinks of them, softened by a
temperature T (knowledge distillation; Hinton, Vinyals and Dean 2015, Distilling the knowledge in a
neural network). With z and t the scores of student and teacher:
""")
formula(
    """
    loss       = T^2 KL(p || q),   p = softmax(t / T),   q = softmax(z / T)
    d loss/dz  = T^2 (q - p) / T  =  T (q - p)                    as for cross-entropy, by z / T
    T large:   q = (1 + z / T) / 10, nearly, if the scores have the mean 0
               d loss/dz  =  (z - t) / 10                         the slope of (z - t)^2 / 20
    """,
    tex=r"\begin{aligned} L &= T^2 \operatorname{KL}\big(\operatorname{softmax}(t/T) \,\|\, "
    r"\operatorname{softmax}(z/T)\big), \qquad \frac{\partial L}{\partial z} = T (q - p) \\"
    r"T \to \infty:\quad q &\approx \frac{1 + z/T}{10}, \qquad "
    r"\frac{\partial L}{\partial z} \to \frac{z - t}{10} \end{aligned}",
)
z = Tensor(rng.normal(size=(20, 10)), requires_grad=True)
t = 3 * rng.normal(size=(20, 10))
distillation_loss(z, t, temperature=1000, alpha=1, reduction="sum").backward()
centred = (z.data - z.data.mean(axis=1, keepdims=True)) - (t - t.mean(axis=1, keepdims=True))
error = np.abs(z.grad - centred / 10).max() / np.abs(z.grad).max()
claim(
    "At a temperature of 1000 distillation has the gradient of a squared error of the scores",
    error < 0.01,
    f"off by {error:.1%} of the largest slope",
)
predict("""
    The same images, the same student. Can an opinion be worth more than the truth? If so: is it
    because the teacher knows something, or only because soft targets keep the student modest?
""")

# %% What the student learns, and from what

W1 = rng.uniform(-1, 1, size=(DRAWS, 64, 16)) * np.sqrt(6 / 64)
W2 = rng.uniform(-1, 1, size=(DRAWS, 16, 10)) * np.sqrt(6 / 16)
b1 = np.zeros((DRAWS, 1, 16))
b2 = np.zeros((DRAWS, 1, 10))


def student(loss, weight_decay=0):
    """Test accuracy of one student for each draw of images; all losses begin at the same weights.

    The loss sees the scores of the images of all draws in one long table with ten columns.
    """
    params = [Tensor(start.copy(), requires_grad=True) for start in (W1, b1, W2, b2)]

    def scores(images):
        hidden = F.relu(images @ params[0] + params[1])
        return hidden @ params[2] + params[3]

    optimizer = AdamW(params, lr=0.01, weight_decay=weight_decay)
    schedule = CosineAnnealingLR(optimizer, T_max=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (loss(scores(X_train[few]).reshape(-1, 10)) * DRAWS).backward()
        optimizer.step()
        schedule.step()
    return np.mean(scores(X_test[None]).data.argmax(axis=2) == y_test, axis=1)


def from_labels(label_smoothing=0.0):
    return lambda scores: cross_entropy(scores, labels, label_smoothing=label_smoothing)


def from_teacher(T, opinions=beliefs):
    return lambda scores: distillation_loss(scores, opinions, temperature=T, alpha=1)


say(f"""
{DRAWS} draws of {10 * FEW} images, one student for each, the same start and {STEPS} steps for every
loss. What else could make a soft target better? Two controls. Label smoothing: flat, but knows
nothing of the image. And the teacher's opinion with the nine other digits shuffled: the first
choice and the flatness are the teacher's, only who is second and who is third is lost.
""")
shuffled = beliefs.copy()
for row in shuffled:
    others = np.flatnonzero(np.arange(10) != row.argmax())
    row[others] = row[rng.permutation(others)]
TEMPERATURES = (1, 2, 4, 8, 16, 64)
by_temperature = {T: student(from_teacher(T)) for T in TEMPERATURES}
nearest = [
    y_train[images][np.sum((X_test[:, None] - X_train[images]) ** 2, axis=2).argmin(axis=1)]
    for images in few
]
reads = {
    "nearest of the 50 images": np.array([accuracy(said, y_test) for said in nearest]),
    "labels": student(from_labels()),
    "labels, weight decay": max(
        (student(from_labels(), weight_decay=decay) for decay in (0.3, 1, 3)), key=np.mean
    ),
    "labels, smoothed by 0.1": student(from_labels(0.1)),
    "labels, smoothed by 0.3": student(from_labels(0.3)),
    "teacher shuffled, T = 4": student(from_teacher(4, shuffled)),
    **{f"teacher, T = {T}": by_temperature[T] for T in TEMPERATURES},
}
table(
    ["learns from", "test images read", "least of the draws", "most"],
    [(name, f"{r.mean():.1%}", f"{r.min():.1%}", f"{r.max():.1%}") for name, r in reads.items()],
)
mean_reads = {name: r.mean() for name, r in reads.items()}
labels_alone = mean_reads["labels"]
best_of_labels = max(share for name, share in mean_reads.items() if name.startswith("labels"))
at_4 = mean_reads["teacher, T = 4"]
claim(
    "A student of the teacher at T = 4 reads more than 4 points more test images than any student "
    "of the labels, weight decay and smoothing included",
    at_4 > best_of_labels + 0.04,
    f"{100 * (at_4 - best_of_labels):.1f} points: {at_4:.1%} against {best_of_labels:.1%}; the "
    f"labels alone {labels_alone:.1%}",
)
without_knowledge = max(
    share for name, share in mean_reads.items() if "smoothed" in name or "shuffled" in name
)
claim(
    "Flatness is not what helps: smoothed labels and the teacher's shuffled opinion are at most 2 "
    "points above the labels",
    without_knowledge < labels_alone + 0.02,
    f"the better of them by {100 * (without_knowledge - labels_alone):+.1f} points",
)
claim(
    "The student of the teacher at T = 4 reads more than the nearest of the 50 images, the student "
    "of the labels alone less",
    labels_alone < mean_reads["nearest of the 50 images"] < at_4,
    f"{labels_alone:.1%}, {mean_reads['nearest of the 50 images']:.1%}, {at_4:.1%}",
)
first_at_1, first_at_4 = (F.softmax(beliefs / T).max(axis=1).mean() for T in (1, 4))
rising = [by_temperature[T].mean() for T in TEMPERATURES]
claim(
    "At T = 1 the teacher's word is almost a label, and the student learns less than at T = 2, 4 "
    "and 8, each better than the one before",
    first_at_1 > 0.95 and first_at_4 < 0.9 and rising[0] < rising[1] < rising[2] < rising[3],
    f"{rising[0]:.1%}, {rising[1]:.1%}, {rising[2]:.1%}, {rising[3]:.1%}; the first choice has "
    f"{first_at_1:.1%} at T = 1, {first_at_4:.0%} at T = 4",
)
claim(
    "From T = 8 to T = 64 next to nothing changes: less than 3 points",
    max(rising[3:]) - min(rising[3:]) < 0.03,
    f"{100 * (max(rising[3:]) - min(rising[3:])):.1f} points; it is the squared error of the "
    "scores by then",
)
say("""
So it is knowledge: which other digits an image resembles, and how much. The student has not become
cleverer than its labels by magic. What the teacher learned from all of its labelled images reaches
the student through its opinion of a few.
""")

# %% The picture

fig, (hill_panel, word_panel, student_panel) = plt.subplots(1, 3, figsize=(13, 4.2))
step = x[1] - x[0]
hill_panel.fill_between(x, two_hills / step, color="#DDDDDD", label="truth")
for name, (place, width) in (("forward", covering), ("reverse", seeking)):
    curve = F.softmax(-(((x - place) / width) ** 2) / 2) / step
    hill_panel.plot(x, curve, color=COLOR[f"{name}_kl"], lw=3, label=f"{name} KL")
hill_panel.set(xlabel="x", ylabel="probability density", xlim=(-8, 8), ylim=(0, 0.65))
hill_panel.set_title("Forward KL covers, reverse KL picks")
hill_panel.legend(loc="upper right", fontsize=8)

softened = F.softmax(beliefs / 4)
agrees = beliefs.argmax(axis=1) == labels
doubted = np.argmax(np.where(agrees, np.sort(softened, axis=1)[:, -2], 0))  # the greatest second
doubted_image = X_train[few].reshape(-1, 8, 8)[doubted]
classes = np.arange(10)
for shift, T, color in ((-0.2, 1, COLOR["ce"]), (0.2, 4, COLOR["forward_kl"])):
    word_panel.bar(
        classes + shift, F.softmax(beliefs[doubted] / T), 0.4, color=color, label=f"T = {T}"
    )
word_panel.set(xlabel="digit", ylabel="the teacher's probability", xticks=classes, ylim=(0, 1.45))
word_panel.set_yticks([0, 0.25, 0.5, 0.75, 1])
word_panel.set_title("T = 4 shows what the image resembles")
word_panel.legend(loc="upper left", fontsize=8)
inset = word_panel.inset_axes([0.76, 0.72, 0.24, 0.27])
inset.imshow(doubted_image, cmap="gray_r")
inset.set(xticks=[], yticks=[])

places = np.arange(len(TEMPERATURES))
for draw in range(DRAWS):
    of_this_draw = [100 * by_temperature[T][draw] for T in TEMPERATURES]
    student_panel.plot(places, of_this_draw, ".", color=COLOR["forward_kl"], alpha=0.5)
student_panel.plot(
    places, 100 * np.array(rising), "-", color=COLOR["forward_kl"], label="teacher's opinion"
)
for name, color, style in (
    ("nearest of the 50 images", COLOR["truth"], ":"),
    ("labels", COLOR["ce"], "-"),
    ("labels, smoothed by 0.3", COLOR["label_smoothing"], "--"),
    ("teacher shuffled, T = 4", COLOR["naive"], "-."),
):
    student_panel.axhline(100 * mean_reads[name], color=color, ls=style, label=name)
student_panel.set(
    xlabel="temperature", ylabel="test images read (%)", xticks=places, ylim=(55, 100)
)
student_panel.set_xticklabels(TEMPERATURES)
student_panel.set_title("An opinion is worth more than a label")
student_panel.legend(loc="lower right", fontsize=8)
save(fig)

# %% Turn the temperature


def at_temperature(fig, T):
    """What the teacher says of one image at a temperature."""
    image_panel, bar_panel = fig.subplots(1, 2, width_ratios=[1, 2])
    image_panel.imshow(doubted_image, cmap="gray_r")
    image_panel.set(xticks=[], yticks=[])
    image_panel.set_title(f"labelled {labels[doubted]}", fontsize=10)
    said = F.softmax(beliefs[doubted] / T)
    bar_panel.bar(classes, said, color=COLOR["forward_kl"])
    bar_panel.set(xlabel="digit", ylabel="the teacher's probability", xticks=classes, ylim=(0, 1))
    bar_panel.set_title(f"entropy {-np.sum(said * np.log(said)):.2f} of {np.log(10):.2f} nats")


sweep(at_temperature, [0.5, 1, 1.5, 2, 3, 4, 6, 8, 16, 32, 64], "temperature")

# %% Take away

takeaway("""
    KL(p || q) is the surprise that q costs where p is the truth, beyond what is unavoidable;
    cross-entropy is that and a constant. Forward KL makes a model cover all that happens, reverse
    KL makes it sure of something that does. JS is the same both ways and never infinite, and its
    root is a distance. A distribution as a target says more than a label, if it knows something:
    that is what a student learns from a teacher.

    Next: part 4. We have chosen our losses; lesson 14 asks how best to go down on them.
""")
exercises(
    [
        "Move the hills together until reverse KL covers both. How far apart are they then, in "
        "widths? Does it happen at once?",
        "How many labelled images of each digit does a student need to read as much as one that "
        "was distilled at T = 8 from five of each?",
        "Set FEW to 126, all that the rarest digit has. What is left for the teacher to tell?",
    ]
)
