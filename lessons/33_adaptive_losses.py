"""Lesson 33. Losses that adapt

A loss can change while it is at work: it can choose the examples that it listens to (a curriculum),
and it can learn its own parameters, by the gradient of what the training comes to (meta-learning).

Lesson 12 met wrong labels, lesson 9 a loss that learned its shape, lesson 32 weights of tasks. Here
the weights are those of examples, and then of the people who labelled them.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, formula, predict, save, say, table, takeaway

from microloss import Tensor, grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, self_paced_weights
from microloss.nn import MLP
from microloss.optim import SGD, Adam
from microloss.training import fit

rng = begin()
X, y = load_digits()
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=997, seed=rng, stratify=y)

# %% Easy examples first

EPOCHS = 25
wrong = rng.random(len(y)) < 0.4
noisy = np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)
say(f"""
Pupils begin with what is easy: a curriculum (Bengio et al. 2009, Curriculum learning). Self-paced
learning (Kumar, Packer and Koller 2010, Self-paced learning for latent variable models) lets the
loss itself decide what is easy. Of {len(y)} digits, {wrong.sum()} are wrongly labelled here.
""")
formula(
    """
    minimise over w and v:  sum_i v_i loss_i(w) - threshold sum_i v_i,   each v_i in [0, 1]
    for fixed w:            v_i = 1 where loss_i < threshold, else 0
    """,
    tex=r"\min_{w,\,v \in [0,1]^n} \sum_i v_i L_i(w) - \lambda \sum_i v_i \;\Rightarrow\; "
    r"v_i = \mathbb{1}[L_i < \lambda]",
)
say("""
The threshold rises until all are in. Ours starts at ln 10, what a blind guess costs, and grows by a
tenth each epoch.
""")
predict("By chance, some labels cost less than ln 10 at first. What becomes of the others?")

# %% What is hard stays out

ALL = np.full(EPOCHS, 1e9)
RISING = np.log(10) * 1.1 ** np.arange(EPOCHS)


def train(labels, thresholds):
    """After each epoch: test accuracy, and how many of the ten digits are ever answered."""
    model = MLP(64, 128, 10, rng=args.seed)
    seen = []

    def loss(scores, target):
        each = cross_entropy(scores, target, reduction="none")
        weights = self_paced_weights(each, threshold=thresholds[len(seen)])
        return np.mean(weights * each)

    def watch(*_):
        answers = model(X_test).data.argmax(axis=1)
        seen.append((np.mean(answers == y_test), len(np.unique(answers))))

    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    order = np.random.default_rng(args.seed)  # the same batches for each threshold
    fit(model, loss, optimizer, X, labels, epochs=len(thresholds), rng=order, callbacks=[watch])
    return np.transpose(seen)


def end(accuracy):
    """The mean of the last five epochs, because single ones scatter."""
    return accuracy[-5:].mean()


at_once, _ = train(noisy, ALL)
easy_first, answered = train(noisy, RISING)
claim(
    "Easy first, after 5 epochs at least two of the ten digits are never answered",
    answered[4] <= 8,
    f"{answered[4]:.0f} of ten digits are answered",
)
clean_at_once, _ = train(y, ALL)
clean_easy_first, _ = train(y, RISING)
claim(
    "With right labels, easy first gains less than half a point",
    end(clean_easy_first) < end(clean_at_once) + 0.005,
    f"{100 * (end(clean_easy_first) - end(clean_at_once)):+.1f} points: "
    f"{end(clean_easy_first):.1%}, all at once {end(clean_at_once):.1%}",
)
say("""
"Hard" means "not learned yet" at first, and "wrong" only later. So let all in for a while, as what
most labels agree on is learned first (lesson 12), and only then shut out what costs more than
ln 10, for good.
""")
predict("For how many epochs should all be let in: 1, 3, 7, 12?")

# %% Hard ones out, but not at once

WARM_UPS = (1, 3, 7, 12)
trimmed = {}
for warm_up in WARM_UPS:
    thresholds = np.where(np.arange(EPOCHS) < warm_up, 1e9, np.log(10))
    trimmed[warm_up], _ = train(noisy, thresholds)
table(
    ["40 % of the labels are wrong", "test images read in the end"],
    [("all at once", f"{end(at_once):.1%}"), ("easy first", f"{end(easy_first):.1%}")]
    + [(f"all for {n} epochs, then hard ones out", f"{end(trimmed[n]):.1%}") for n in WARM_UPS],
)
claim(
    "Seven epochs with all and then without hard ones ends above all at once by more than 3 points",
    end(trimmed[7]) > end(at_once) + 0.03,
    f"{100 * (end(trimmed[7]) - end(at_once)):.1f} points",
)
claim(
    "It ends above easy first as well",
    end(trimmed[7]) > end(easy_first),
    f"{100 * (end(trimmed[7]) - end(easy_first)):.1f} points",
)
# %% Whom to believe

say("""
Five people labelled 160 digits each. Two erred on a tenth, one on 40 %, one always, one said 7 to
all. Nobody told us. Give each a weight, softmax(k) of five numbers k, in front of the mean loss on
that person's labels, and train a linear model, by plain gradient descent.
""")
PEOPLE = {
    "careful": 0.1,
    "careful too": 0.1,
    "hasty": 0.4,
    "always wrong": 1.0,
    "says 7 to all": 0.0,
}
COLORS = dict(zip(PEOPLE, ("model", "ce", "validation", "truth", "naive")))
RATE = 0.5
STEPS = 200
person = np.arange(len(y)) % 5
erred = rng.random(len(y)) < np.array([*PEOPLE.values()])[person]
opinions_given = np.where(person == 4, 7, (y + rng.integers(1, 10, len(y)) * erred) % 10)
X_test, X_check, y_test, y_check = train_test_split(
    X_test, y_test, test_size=100, seed=rng, stratify=y_test
)


def start():
    return [Tensor(np.zeros(shape), requires_grad=True) for shape in ((10, 64), 10)]


def costs(images, labels, params):
    return cross_entropy(F.linear(images, *params), labels, reduction="none")


def opinions(params):
    """The mean loss on each person's labels, five numbers."""
    return np.eye(5)[:, person] @ costs(X, opinions_given, params) / 160


def exam(params, weights=None):
    """The loss on images whose labels were checked."""
    return np.mean(costs(X_check, y_check, params))


def read(params):
    return np.mean(F.linear(X_test, *params).data.argmax(axis=1) == y_test)


def step(loss, params, create_graph=True):
    """The parameters after a step of gradient descent, and how they came from the loss."""
    slopes = grad(loss, params, create_graph=create_graph)
    return [p - RATE * slope for p, slope in zip(params, slopes)]


def learn(goal=None):
    """Accuracy, and the weights on the way, when k goes down on the goal after each step."""
    params = start()
    k = Tensor(np.zeros(5), requires_grad=True)
    optimizer = Adam([k], lr=0.05)
    path = []
    for _ in range(STEPS):
        weights = F.softmax(k)
        after = step(np.sum(weights * opinions(params)), params)
        if goal:
            (k.grad,) = grad(goal(after, weights), k)
            optimizer.step()
        params = [Tensor(p.data, requires_grad=True) for p in after]
        path.append(weights.data)
    return read(params), np.array(path)


predict("Let k go down on the training loss, as all else does. Whom will the loss believe?")

# %% The loss must not set its own exam

equal_accuracy, _ = learn()
naive_accuracy, naive_path = learn(lambda params, weights: np.sum(weights * opinions(params)))
claim(
    "Weights that go down on the training loss believe the one who says 7 to all",
    naive_path[-1, 4] > 0.9,
    f"weight {naive_path[-1, 4]:.0%}",
)
claim(
    "Then less than 30 % of the test digits are read, fewer than with equal weights",
    naive_accuracy < min(0.3, equal_accuracy),
    f"{naive_accuracy:.0%}, with equal weights {equal_accuracy:.0%}",
)
say("""
Nothing is easier to fit than one answer to everything. The loss set its own exam, as in lesson 9.
Let others set it: 100 more images with checked labels. Their loss does not contain k, but the
parameters after a step do, if create_graph=True records the step (Ren et al. 2018, Learning to
reweight examples for robust deep learning; through many steps: Finn et al. 2017, MAML).
""")
formula(
    """
    after(k) = params - rate * slope of sum_p softmax(k)_p L_p(params)
    d exam(after(k)) / d weight_p = -rate * (slope of exam at after) . (slope of L_p at params)
    """,
    tex=r"\frac{\partial\, E(\theta'(k))}{\partial v_p} = -\eta\, \nabla E(\theta') \cdot "
    r"\nabla L_p(\theta), \qquad \theta' = \theta - \eta \sum_p v_p \nabla L_p(\theta)",
)

# %% The gradient through the training


def after_training(k, steps, create_graph=True):
    params = start()
    for _ in range(steps):
        params = step(np.sum(F.softmax(k) * opinions(params)), params, create_graph)
    return exam(params)


k = Tensor(rng.normal(size=5), requires_grad=True)
try:
    refused = str(grad(after_training(k, 1, create_graph=False), k))
except RuntimeError as error:
    refused = str(error)
claim(
    "Without create_graph=True the exam does not depend on k, and grad() says so",
    "does not depend" in refused,
    refused[:41],
)
(slope,) = grad(after_training(k, 20), k)
SMALL = 1e-4
differences = [
    (after_training(k.data + h, 20).item() - after_training(k.data - h, 20).item()) / (2 * SMALL)
    for h in SMALL * np.eye(5)
]
error = np.abs(differences - slope).max() / np.abs(slope).max()
claim(
    "With it, the gradient through 20 steps of training equals finite differences",
    error < 1e-6,
    f"off by {error:.0e} of the largest",
)
weights = Tensor(np.full(5, 0.2), requires_grad=True)
params = start()
after = step(np.sum(weights * opinions(params)), params)
exam_slopes = grad(exam(after), after, retain_graph=True)
products = []
for opinion in opinions(params):
    own_slopes = grad(opinion, params, retain_graph=True)
    products.append(sum(np.sum(a * b) for a, b in zip(exam_slopes, own_slopes)))
error = np.abs(grad(exam(after), weights)[0] + RATE * np.array(products)).max()
claim(
    "For one step it is -rate times the dot product of the two slopes, as in the formula",
    error < 1e-14,
    f"off by {error:.0e}",
)
say("So those gain weight whose labels pull where the exam pulls.")
predict("After each step, let k go down on the exam. Who is believed?")

# %% Who is believed

best_accuracy, best_path = learn(exam)
alone = start()
for _ in range(STEPS):
    alone = [Tensor(p.data, requires_grad=True) for p in step(exam(alone), alone)]
table(
    ["person", "share of wrong labels", "weight"],
    [
        (name, f"{np.mean(opinions_given[person == i] != y[person == i]):.0%}", f"{weight:.1%}")
        for i, (name, weight) in enumerate(zip(PEOPLE, best_path[-1]))
    ],
)
careful, nonsense = best_path[-1, :2], best_path[-1, 3:]
claim(
    "Each of the two careful people ends with more weight than the two who talk nonsense together",
    careful.min() > nonsense.sum(),
    f"{careful.min() / nonsense.sum():.1f} times the weight: {careful.min():.1%} against "
    f"{nonsense.sum():.1%}; the hasty one has {best_path[-1, 2]:.1%}",
)
claim(
    "With learned weights more test digits are read than with equal weights",
    best_accuracy > equal_accuracy,
    f"{100 * (best_accuracy - equal_accuracy):.1f} points: {best_accuracy:.1%} against "
    f"{equal_accuracy:.1%}",
)
gap = best_accuracy - read(alone)
claim(
    "Training on the 100 checked images alone does as well, to 6 points",
    abs(gap) < 0.06,
    f"{100 * gap:+.1f} points for learned weights: {best_accuracy:.1%} against {read(alone):.1%}",
)
say("""
Look at that rival before you build anything clever: a hundred labels that are right may be worth as
much as eight hundred of unknown origin with a loss that learns whom to believe.
""")

# %% The picture

fig, (pace_panel, trust_panel) = plt.subplots(1, 2, figsize=(11, 4.2))
epochs = np.arange(1, EPOCHS + 1)
pace_panel.plot(
    epochs, 100 * trimmed[7], color=COLOR["model"], label="all for 7 epochs, then hard out"
)
pace_panel.plot(epochs, 100 * at_once, color=COLOR["truth"], label="all at once")
pace_panel.plot(epochs, 100 * easy_first, color=COLOR["naive"], label="easy first")
pace_panel.set(xlabel="epoch", ylabel="test images read (%)")
pace_panel.set_title("Hard ones out, after a warm-up, ends best")
pace_panel.legend(loc="lower right")
for name, weights_on_the_way in zip(PEOPLE, best_path.T):
    trust_panel.plot(100 * weights_on_the_way, color=COLOR[COLORS[name]], label=name)
trust_panel.set(xlabel="step", ylabel="weight (%)")
trust_panel.set_title("The loss learns whom to believe")
trust_panel.legend(loc="upper left", fontsize=8)
save(fig)

# %% Take away

takeaway("""
    A loss that chooses by the loss shuts out what is not learned yet: let all in first, and only
    then leave out what stays hard. And it must not set its own exam: let its parameters learn from
    other data, through the training step, which a recorded graph makes an ordinary gradient.

    Next: lesson 34 learns one task after another, and in many places.
""")
exercises(
    [
        "Check 30 images instead of 100. How fair is the exam to the two careful people?",
        "Let the threshold of the first part fall from 3 ln 10 to ln 10 / 2. Does it end higher?",
    ]
)
