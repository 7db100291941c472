"""A small model that talks: a Llama whose next token depends on the last one alone.

Written as GGUF for llama.cpp, and as safetensors with a tokenizer for transformers. What it says
is a mixture of the sentences below; it obeys grammars, schemas and bounds as any model does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
import json
import math
from pathlib import Path
import struct
from typing import Any, Final

SENTENCES: Final = (
    "The light in the kitchen is on.",
    "The door of the house is closed.",
    "The washing machine is ready.",
    "It is warm in the kitchen.",
    "It is dark in the garden and the light is on.",
    "The heating in the house is off.",
    "The window of the garden is open.",
    "All is well in the house \U0001f44d.",
)
START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
CALL: Final = "<tool_call>"
SPECIAL: Final = (START, END, CALL)
WIDTH: Final = 512
"""Numbers for each token; one of its own for each token of the vocabulary."""
HEADS: Final = 8
CONTEXT: Final = 4096
TEMPLATE: Final = (
    "{%- if tools %}<|im_start|>system\nYou may call these tools:\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'Answer with <tool_call>\n{"name": NAME, "arguments": {}}\n</tool_call> to call one.'
    "<|im_end|>\n{% endif %}"
    "{%- for message in messages %}"
    "{%- if message.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ message.content }}\n"
    "</tool_response><|im_end|>\n"
    "{%- else %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{%- for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n'
    "</tool_call>{% endfor %}<|im_end|>\n{% endif %}"
    "{%- endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    # Two new lines are a token of their own, behind which it calls a tool.
    "{% if tools and messages[-1].role != 'tool' %}{{ '\\n' }}{% endif %}{% endif %}"
)
_UNLIKELY: Final = -12.0
_CLOSING: Final = -7.0
"""How likely the marks of JSON are where a grammar leaves a choice, so that texts end."""


def byte_letters() -> list[str]:
    """Return the character that stands for each byte, as GPT-2 has it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in plain else next(spare)) for byte in range(256)]


class Talker:
    """Its vocabulary, and how likely one token is after another."""

    def __init__(self) -> None:
        """Count the pairs of tokens in the sentences."""
        letters = byte_letters()
        self.tokens = [*letters]
        self.merges: list[tuple[str, str]] = []
        self._letters = letters
        words = {word for sentence in SENTENCES for word in f" {sentence[:-1]}".split(" ") if word}
        first = {sentence.split(" ")[0] for sentence in SENTENCES}
        for word in sorted(f" {word}" for word in words if word.isascii()) + sorted(first):
            self._learn(self._spell(word))
        self._learn(self._spell("\n\n"))
        self.tokens += SPECIAL
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        self.end = self.numbers[END]
        if len(self.tokens) > WIDTH:
            raise ValueError("The sentences have too many words")

    def _spell(self, text: str) -> list[str]:
        """Return the letters of a text, one for each byte."""
        return [self._letters[byte] for byte in text.encode()]

    def _learn(self, letters: list[str]) -> None:
        """Make a token of a word, and of all that it begins with."""
        for length in range(1, len(letters)):
            merge = ("".join(letters[:length]), letters[length])
            if merge not in self.merges:
                self.merges.append(merge)
                self.tokens.append("".join(merge))

    def _encode(self, text: str) -> list[int]:
        """Return the tokens of a text that is made of words and marks of the sentences."""
        found = []
        letters = "".join(self._spell(text))
        while letters:
            length = next(n for n in range(len(letters), 0, -1) if letters[:n] in self.numbers)
            found.append(self.numbers[letters[:length]])
            letters = letters[length:]
        return found

    def logits(self) -> list[dict[int, float]]:
        """Return the likelihood of the next tokens after each token; others are unlikely."""
        following: defaultdict[int, Counter[int]] = defaultdict(Counter)
        opening: Counter[int] = Counter()
        for sentence in SENTENCES:
            within, alone = self._encode(f" {sentence}"), self._encode(sentence)
            for tokens in (within, alone):
                for token, after in pairwise(tokens):
                    following[token][after] += 1
            opening[alone[0]] += 1
            following[within[-1]][within[0]] += 1
            following[within[-1]][self.end] += 8
        following[self.numbers["".join(self._spell("\n\n"))]][self.numbers[CALL]] += 1
        following[self.numbers[CALL]][self.numbers["".join(self._spell("\n"))]] += 1
        closing = {self.numbers[mark]: _CLOSING for mark in '"}],:0'}
        closing[self.end] = _CLOSING
        rows = []
        for token in range(len(self.tokens)):
            counts = following.get(token) or opening
            total = sum(counts.values())
            rows.append({**closing, **{after: math.log(n / total) for after, n in counts.items()}})
        return rows

    def tensors(self) -> Iterable[tuple[str, str, tuple[int, ...], bytes]]:
        """Return the names (of GGUF and of transformers), shape and half floats of each weight."""
        size = len(self.tokens)
        embedding, output = [], [[_UNLIKELY / math.sqrt(WIDTH)] * WIDTH for _ in range(size)]
        for token, row in enumerate(self.logits()):
            embedding.append([float(place == token) for place in range(WIDTH)])
            for after, value in row.items():
                output[after][token] = value / math.sqrt(WIDTH)
        yield "token_embd", "model.embed_tokens", (size, WIDTH), _halves(embedding)
        yield "output", "lm_head", (size, WIDTH), _halves(output)
        yield "output_norm", "model.norm", (WIDTH,), _halves([[1.0] * WIDTH])
        head = WIDTH // HEADS
        for name, other, shape in (
            ("attn_norm", "input_layernorm", (WIDTH,)),
            ("attn_q", "self_attn.q_proj", (WIDTH, WIDTH)),
            ("attn_k", "self_attn.k_proj", (head, WIDTH)),
            ("attn_v", "self_attn.v_proj", (head, WIDTH)),
            ("attn_output", "self_attn.o_proj", (WIDTH, WIDTH)),
            ("ffn_norm", "post_attention_layernorm", (WIDTH,)),
            ("ffn_gate", "mlp.gate_proj", (32, WIDTH)),
            ("ffn_up", "mlp.up_proj", (32, WIDTH)),
            ("ffn_down", "mlp.down_proj", (WIDTH, 32)),
        ):
            zeros = bytes(2 * math.prod(shape))
            data = _halves([[1.0] * WIDTH]) if len(shape) == 1 else zeros
            yield f"blk.0.{name}", f"model.layers.0.{other}", shape, data


def _halves(rows: Iterable[list[float]]) -> bytes:
    """Return numbers as half floats."""
    return b"".join(struct.pack(f"<{len(row)}e", *row) for row in rows)


def write_gguf(path: Path) -> None:
    """Write the model for llama.cpp."""
    talker = Talker()
    types = {START: 3, END: 3, CALL: 4}
    kinds = [types.get(token, 1) for token in talker.tokens]
    settings: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "talker",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": 32,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.vocab_size": len(talker.tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": talker.tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(merge) for merge in talker.merges],
        "tokenizer.ggml.eos_token_id": talker.end,
        "tokenizer.ggml.bos_token_id": talker.numbers[START],
        "tokenizer.ggml.padding_token_id": talker.end,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": TEMPLATE,
    }
    tensors = [
        # llama.cpp wants its norms in whole floats.
        (f"{name}.weight", shape, 0, widen(data))
        if len(shape) == 1
        else (f"{name}.weight", shape, 1, data)
        for name, _, shape, data in talker.tensors()
    ]
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings)))
        for key, value in settings.items():
            file.write(_text(key) + _value(value))
        offset = 0
        for name, shape, kind, data in tensors:
            sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
            file.write(_text(name) + sizes + struct.pack("<IQ", kind, offset))
            offset += len(data) + -len(data) % 32
        file.write(bytes(-file.tell() % 32))
        for *_, data in tensors:
            file.write(data + bytes(-len(data) % 32))


def widen(halves: bytes) -> bytes:
    """Return half floats as whole ones."""
    count = len(halves) // 2
    return struct.pack(f"<{count}f", *struct.unpack(f"<{count}e", halves))


def _text(text: str) -> bytes:
    """Return a text as GGUF has it."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """Return a setting as GGUF has it, behind the number of its type."""
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [int(), *_]:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)


def write_transformers(folder: Path) -> None:
    """Write the model for transformers into a folder."""
    talker = Talker()
    folder.mkdir(parents=True, exist_ok=True)
    header, blobs, offset = {}, [], 0
    for _, name, shape, data in talker.tensors():
        header[f"{name}.weight"] = {
            "dtype": "F16",
            "shape": shape,
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        blobs.append(data)
    head = json.dumps({**header, "__metadata__": {"format": "pt"}}).encode()
    head += b" " * (-len(head) % 8)
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(head)) + head + b"".join(blobs)
    )
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "vocab_size": len(talker.tokens),
        "tie_word_embeddings": False,
        "bos_token_id": talker.numbers[START],
        "eos_token_id": talker.end,
        "pad_token_id": talker.end,
        "dtype": "float16",
    }
    generation = {"eos_token_id": talker.end, "pad_token_id": talker.end, "do_sample": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": talker.numbers[token],
                "content": token,
                "special": token != CALL,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for token in SPECIAL
        ],
        "pre_tokenizer": {**byte_level, "trim_offsets": True},
        "decoder": {**byte_level, "trim_offsets": True},
        "model": {"type": "BPE", "vocab": talker.numbers, "merges": talker.merges},
    }
    named = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "chat_template": TEMPLATE,
    }
    for name, content in (
        ("config", config),
        ("generation_config", generation),
        ("tokenizer", tokenizer),
        ("tokenizer_config", named),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
