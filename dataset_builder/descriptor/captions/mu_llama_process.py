"""MU-LLaMA as a process: a line `{"wav": PATH, "question": TEXT}` in, a line `{"caption": TEXT}` out.

Copy it into MU-LLaMA's folder and run it there, in that project's environment: it imports nothing of ours. Sampling and
prompt are those of the published inference script. It was written against the published source and never run here,
where there is no GPU and no weights.
"""

import argparse
import contextlib
import json
import sys

TEMPERATURE, TOP_P, MAX_LENGTH = 0.6, 0.8, 512
CACHE_SIZE, CACHE_T, CACHE_WEIGHT = 100, 20.0, 0.0


def main() -> None:
    """Load the model, then answer line by line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ckpts/checkpoint.pth", help="MU-LLaMA's adapter")
    parser.add_argument("--llama_dir", default="ckpts/LLaMA", help="LLaMA-2's weights")
    parser.add_argument("--llama_type", default="7B")
    args = parser.parse_args()
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # its libraries print
        import llama
        import torch
        from data.utils import load_and_transform_audio_data

        model = llama.load(args.model, args.llama_dir, knn=True, llama_type=args.llama_type)
        model.eval()
        for line in sys.stdin:
            try:
                asked = json.loads(line)
                audio = load_and_transform_audio_data([asked["wav"]])
                # Its own prompt, with the slip that it was trained with ("### Input:" and Python's name for `input`).
                prompt = model.tokenizer.encode(llama.format_prompt(asked["question"]), bos=True, eos=False)
                with torch.cuda.amp.autocast():
                    said = model.generate(
                        {"Audio": [audio, 1]}, [prompt], max_gen_len=MAX_LENGTH, temperature=TEMPERATURE,
                        top_p=TOP_P, cache_size=CACHE_SIZE, cache_t=CACHE_T, cache_weight=CACHE_WEIGHT,
                    )  # fmt: skip
                answer = {"caption": said[0].strip()}
            except (
                RuntimeError,
                ValueError,
                OSError,
                KeyError,
            ) as error:  # one clip must not end the process that holds the model
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
