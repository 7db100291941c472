"""Objects with a form, for fine-tuning and evals."""

from ..model import required
from .fields import boolean, choice, json_object, number_or_text, structure, structures

training_method = structure(
    "training_method",
    choice(
        "type",
        "Type",
        "By examples (supervised), preferences (dpo) or grades (reinforcement).",
        ("supervised", "dpo", "reinforcement"),
        required=True,
    ),
    json_object("supervised", "By examples", "Settings for the type supervised."),
    json_object("dpo", "By preferences", "Settings for the type dpo."),
    json_object(
        "reinforcement", "By grades", "Settings for the type reinforcement, with the grader."
    ),
)
hyperparameters = structure(
    "hyperparameters",
    number_or_text("n_epochs", "Rounds", "How often to go through the examples, or auto."),
    number_or_text(
        "batch_size", "Batch size", "How many examples to learn from at a time, or auto."
    ),
    number_or_text(
        "learning_rate_multiplier", "Learning rate", "Small values learn more slowly; or auto."
    ),
)
integrations = structures(
    "integration",
    *required(
        choice("type", "Type", "Which service gets the figures.", ("wandb",)),
        json_object("wandb", "Weights and Biases", "The project, and a name and tags if you like."),
    ),
)
eval_data_source = structure(
    "eval_data_source",
    choice(
        "type",
        "Type",
        "Questions of your own (custom), or what was asked and kept before (logs, stored_completions).",
        ("custom", "logs", "stored_completions"),
        required=True,
    ),
    json_object(
        "item_schema", "Form of a question", "For custom: what a question holds, as a JSON schema."
    ),
    boolean(
        "include_sample_schema",
        "With the answer",
        "For custom: whether graders also see what the model answered.",
    ),
    json_object("metadata", "Metadata", "For the others: only what has this metadata."),
)
