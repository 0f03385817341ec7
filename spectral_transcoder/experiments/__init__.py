"""Experiments: plans of settings on doce's engine, computed once each, listed, displayed, exported.

An experiment is a function `build_experiment(options)` that returns an `engine.experiment.Experiment`, and a function
for each of its steps, which `engine.cli.run_experiment` calls for each selected setting:

    step(setting, experiment)

- `setting` has its factors as attributes (`setting.dataset`, `setting.step`); `setting.id()` is the
  identifier, `setting.at("train")` the setting of another step of its chain.
- A step writes its files atomically under `experiment.file(kind, setting, name)`: the path
  `<folder of kind>/<identifier>_<name>`. A metric is `experiment.save_metric(setting, name, values)`, for the
  setting of the last step.
- It raises to fail. `utils.errors.Interrupted`, once its state is on the disk, stops the run without failing the
  setting, and the same command goes on from there.
- It shows its progress with `experiment.progress(total, description, unit)`, and may print.
- `experiment.options` are the command line's; what they change in a result belongs to its provenance.

The provenance of a result is what `provenance(setting, experiment)` returns, a dictionary that JSON can hold: all
that the result depends on beyond its factors, such as the fingerprint of its dataset. It is asked for in listings
too, so it is quick, and does not raise where something is missing. A setting whose record says "done" with
today's provenance, computed from the present result of the step before it, is not computed again.
"""
