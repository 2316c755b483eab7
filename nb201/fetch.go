package nb201

// MeanOfTrials is the Seed of a number that is the mean over the trials of its
// source, which does not say how many they are. A table may hold such means
// beside trials with seeds of their own, but not under the same key.
const MeanOfTrials int64 = -1

// Count is how many trained networks the mean is of; 0 where a source gave its
// mean without their number ([MeanOfTrials]).
func (a Answer) Count() int {
	if len(a.Trials) == 1 && a.Trials[0].Seed == MeanOfTrials {
		return 0
	}
	return len(a.Trials)
}
