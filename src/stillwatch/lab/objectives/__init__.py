"""What a student learns from: sampled answers, log-probabilities, or its own answers judged by the teacher."""
