"""Which trainings a run consists of, and who does them: this process, several, or a cluster."""
