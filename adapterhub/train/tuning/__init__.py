"""Searching a recipe's settings by the validation split. This module imports nothing.

::

    tune       the whole search: `tune`
    folder     what is where in a study's folder
    study      Optuna's study: who tries what next, what came of it
    trial      one trial: a run that stops before the test split
    workers    several processes on one study
    report     report.md, study.json and the figures
"""
