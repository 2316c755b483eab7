package search

// Term adds the alignment of layers to the gradient of the weights.
var Term = LambdaDARTS.term

// Begin makes an engine ready for parts of an outer step outside of an epoch.
func Begin(e *Engine) { e.sums = map[string]*mean{} }
