"""What `jobs/train_distill.py` is made of: config, data sets, stages, reports, model cards."""
