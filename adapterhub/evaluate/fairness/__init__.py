"""Whether an adapter treats people alike, as far as small tests can tell; none of them can tell that it does.

Of classifiers: `counterfactuals` (does an answer change with who a text is about?) and `subgroups` (is it as good for
some as for others?). Of language models, before and after an adapter: `crows_pairs` and `bbq`, which read how likely
texts are. Knows predictors and readers of likelihoods as Protocols, like the rest of evaluation.
"""
