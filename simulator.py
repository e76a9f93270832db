"""The command line of the pipeline: ``python simulator.py --help``."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
