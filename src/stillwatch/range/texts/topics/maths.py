"""Mathematics: exercises, proofs and puzzles."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

MATHS = Topic(
    name="maths",
    asks=(
        "Find {quantity} of {object} if {condition}.",
        "Prove that {statement} whenever {condition}.",
        "{name} has {n} {thing} and gives {small} to each of {n2} friends until none can be served. How many are left?",
        "A {vessel} is filled by one pipe in {n} minutes and emptied by another in {n2}. When is it {state}?",
        "How many ways are there to arrange {n} {thing} in {small} {box} so that {condition}?",
        "Let {object} be given with {condition}. Determine {quantity} and justify each step.",
        "From {city} a train leaves at {n} km/h, and {small} hours later another at {n2} km/h. Where do they meet?",
        "What is the probability that among {n} {thing} drawn at random {condition}?",
        "{please}explain {method} with an example about {thing}.",
        "Is it true that {statement}? Give a proof or a counterexample for {object}.",
        "Evaluate the sum over k from {n} to {n2} of {term}, if {condition}.",
        "Solve for x: {term} = {n}, where {condition}.",
    ),
    follow_ups=(
        "I don't follow the step where {condition}.",
        "Is there a way with {method} instead?",
        "And if {condition}?",
        "check it with {n} {thing}",
        "So does that mean {statement}?",
        "Give me a similar one about {thing} with {object}.",
    ),
    passages=(
        "Given: {object}, and {condition}.",
        "It is known from part {n} that {statement}.",
        "Hint: {method} may help if {condition}.",
        "You may assume that {statement} without proof.",
    ),
    slots={
        "quantity": words(
            """the area | the largest eigenvalue | the number of divisors | the remainder modulo seven | the
            expected value | the radius of convergence | the shortest distance | the determinant | the limit |
            the variance | the median | the order of the group | the length of the longest chord"""
        ),
        "object": words(
            """a triangle with two equal heights | a polynomial of degree five | a random walk on a ring | a sphere
            in a cube | a sequence with a(1) = 1 | a graph without triangles | a symmetric matrix | a cyclic
            group | a convex polygon | the curve y = x^3 - x | a fair die with eight sides | a lattice of points
            | a continuous map of the disc"""
        ),
        "condition": words(
            """no two neighbours are equal | the sum is even | all roots are real | the diagonals are perpendicular
            | each pair meets once | the product is a square | x and y are coprime | the trace vanishes | none
            is repeated | at least one is red | the third term is prime | the angle at A is right | the function
            is increasing | exactly half are broken | the order does not matter"""
        ),
        "statement": words(
            """the sum of the angles is at most two right angles | every bounded sequence has a limit point | n^3 -
            n is divisible by six | the mean lies between the extremes | two circles meet in at most two points
            | a tree has one edge fewer than vertices | the map has a fixed point | the kernel is trivial | some
            two people share a birthday month | the series diverges | the inverse is continuous"""
        ),
        "thing": words(
            """marbles | chairs | stamps | coins | cards | bricks | tickets | lanterns | loaves | pencils | knights
            | beads"""
        ),
        "box": words("boxes | rows | jars | rooms | teams | shelves"),
        "vessel": words("tank | pool | barrel | lock | reservoir | bathtub"),
        "state": words("half full | full | three quarters full | at the brim"),
        "method": words(
            """induction | the pigeonhole principle | integration by parts | generating functions | Bayes' rule | a
            change of basis | Lagrange multipliers | inclusion and exclusion | the intermediate value theorem |
            modular arithmetic"""
        ),
        "term": words("1/(k(k+1)) | x^2 - 5x | k * 2^k | sin(x)/x | log(1 + x) | x^3 + 3x | binomial(n, k)"),
    },
)
