"""Objects with a form, for fine-tuning and evals."""

from ..action import required
from .fields import (
    boolean,
    choice,
    json_object,
    number_or_string,
    object_field,
    object_list_field,
    text_map,
)

training_method = object_field(
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
hyperparameters = object_field(
    "hyperparameters",
    number_or_string("n_epochs", "Rounds", "How often to go through the examples, or auto."),
    number_or_string(
        "batch_size", "Batch size", "How many examples to learn from at a time, or auto."
    ),
    number_or_string(
        "learning_rate_multiplier", "Learning rate", "Small values learn more slowly; or auto."
    ),
)
integrations = object_list_field(
    "integration",
    *required(
        choice("type", "Type", "Which service gets the figures.", ("wandb",)),
        json_object("wandb", "Weights and Biases", "The project, and a name and tags if you like."),
    ),
)
eval_data_source = object_field(
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
    text_map("metadata", "Metadata", "For the others: only what has this metadata."),
)
