#!/usr/bin/env python3
"""Makes tests/golden/optimizers/dynamic_map.safetensors: the 256 numbers of 8-bit optimizer states, by bitsandbytes.

    python make_dynamic_map_goldens.py --out tests/golden    needs the package bitsandbytes (made by 0.50.2, torch 2.11.0)

Its functional.create_dynamic_map is the reference of the paper's own authors (Dettmers et al. 2021, arXiv:2110.02861).
"""
import argparse
import pathlib

import bitsandbytes
import torch
from bitsandbytes.functional import create_dynamic_map
from safetensors.torch import save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder of the goldens")
    folder = parser.parse_args().out / "optimizers"
    made_by = f"bitsandbytes {bitsandbytes.__version__}, torch {torch.__version__}"
    save_file({"signed": create_dynamic_map(signed=True), "unsigned": create_dynamic_map(signed=False)},
              folder / "dynamic_map.safetensors", metadata={"made_by": made_by})


if __name__ == "__main__":
    main()
