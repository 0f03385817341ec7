"""Experiments: plans of settings on doce's engine, computed once each, listed, displayed, exported.

An experiment is a function `build(options)` that returns an `experiment.Experiment`, and one step function
that `command_line.run_experiment` calls for each selected setting:

    step(setting, experiment)

- `setting` has its factors as attributes (`setting.dataset`, `setting.step`); `setting.id()` is the
  identifier, `setting.at("train")` the setting of another step of its chain.
- A step writes its files atomically under `experiment.file(kind, setting, name)`: the path
  `<folder of kind>/<identifier>_<name>`. A metric is `experiment.save_metric(setting, name, values)`, for the
  setting of the last step.
- It raises to fail. `errors.Interrupted`, after its checkpoint is kept, stops the run without failing the
  setting, and the same command goes on from there.
- It shows what it does with `experiment.progress(total, description, unit)`, and may print.
- `experiment.options` are the command line's; what they change in a result belongs to the configuration.

The configuration of a setting is what `configuration(setting, experiment)` returns, a dictionary that JSON
can hold: all that its result depends on beyond its factors, the manifest of its dataset say. It is asked for
in listings too: it is quick, and does not raise where something is missing. A setting whose marker says
"done" with the configuration of today, computed from the present result of the step
before it, is not computed again.
"""
