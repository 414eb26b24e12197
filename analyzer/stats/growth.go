package stats

import "math"

// Noise is what is known beforehand of the errors of a series. Its zero value
// says "nothing": an exactly counted quantity, whose scatter is the program's.
//
// For a sampled quantity the errors persist: a sampled object stays sampled
// until it is freed. Live is the mean of Q_K = Σ w²k over the series, and
// Turnover is q, the births and deaths Σ w² per unit of x; then the variogram
// of the error is 2γ(h) = min(2·Live, Turnover·h).
type Noise struct {
	Live     float64
	Turnover float64
}

func (z Noise) variogram(h float64) float64 { return math.Min(2*z.Live, z.Turnover*h) }

// Slope is a growth rate with the error that the series' own scatter and the
// noise model allow.
type Slope struct {
	PerX float64 // y per unit of x
	SE   float64
	Phi  float64 // overdispersion against the noise model, ≥ 1; +Inf where the model is silent and the data scatter
	N    int
	Line Line
}

// FitSlope fits a line and returns the larger of three standard errors:
//
//	independent errors         sqrt(RSS/(n−2)/Sxx), for series without a noise model
//	the model's variogram      Var = −Σ_{i<j} c_i c_j 2γ(h_ij)·φ, c_i = (x_i − x̄)/Sxx
//	the empirical variogram    the same sum with the mean squared increments of
//	                           the residuals at lags 1, 2, 4, … n/3, made
//	                           increasing and linear in between
//
// The third guards against slow fluctuations hidden under fast churn (METHOD.md,
// section 3; for the variance of a contrast by the variogram see Cressie,
// Statistics for Spatial Data, 1993, 2.3). O(n²).
func FitSlope(x, y []float64, z Noise) (Slope, error) {
	l, err := FitLine(x, y)
	if err != nil {
		return Slope{}, err
	}
	s := Slope{PerX: l.Slope, N: l.N, Line: l, Phi: 1}
	lags, gamma := empirical(x, y, l.Slope)
	for i, k := range lags {
		model := 0.0
		for j := 0; j+k < len(x); j++ {
			model += z.variogram(x[j+k] - x[j])
		}
		model /= float64(len(x) - k)
		// The ratio is deflated by its own sampling error (about 90 %), so
		// that noise of the model's size mostly gives 1.
		allowed := 1 + 1.28*math.Sqrt(2*float64(k)/float64(len(x)-k))
		switch {
		case model > 0:
			s.Phi = math.Max(s.Phi, gamma[i]/model/allowed)
		case gamma[i] > 0:
			s.Phi = math.Inf(1)
		}
	}
	v := 0.0
	if z.Live > 0 || z.Turnover > 0 {
		if m := contrast(x, l.Sxx, z.variogram); m > 0 && !math.IsInf(s.Phi, 1) {
			v = m * s.Phi
		}
	} else {
		v = l.SE * l.SE
	}
	if len(lags) > 0 {
		v = math.Max(v, contrast(x, l.Sxx, interpolate(x, lags, gamma, 2*z.Live)))
	}
	s.SE = math.Sqrt(v)
	return s, nil
}

// P is the one-sided probability of so steep a slope without growth, by
// Student's t with n − 2 degrees of freedom.
func (s Slope) P() float64 {
	if s.N < 3 {
		return 1
	}
	if s.SE <= 1e-9*math.Abs(s.PerX) {
		if s.PerX > 0 {
			return 0
		}
		return 1
	}
	return StudentTail(s.PerX/s.SE, float64(s.N-2))
}

// Interval is the two-sided interval of the slope, by Student's t.
func (s Slope) Interval(confidence float64) Interval {
	i := Interval{Estimate: s.PerX, Confidence: confidence, N: s.N, Lo: math.Inf(-1), Hi: math.Inf(1)}
	if s.N >= 3 {
		t := StudentQuantile(0.5+confidence/2, float64(s.N-2))
		i.Lo, i.Hi = s.PerX-t*s.SE, s.PerX+t*s.SE
	}
	return i
}

// empirical returns the mean squared increments of the residuals at lags
// 1, 2, 4, … ≤ n/3.
func empirical(x, y []float64, slope float64) (lags []int, gamma []float64) {
	n := len(x)
	for k := 1; k <= n/3; k *= 2 {
		sum := 0.0
		for i := 0; i+k < n; i++ {
			d := y[i+k] - y[i] - slope*(x[i+k]-x[i])
			sum += d * d
		}
		lags = append(lags, k)
		gamma = append(gamma, sum/float64(n-k))
	}
	return lags, gamma
}

// interpolate makes a function of distance out of the empirical variogram:
// increasing, linear between the lags, rising beyond the last by its last
// slope up to the larger of floor and its largest value.
func interpolate(x []float64, lags []int, gamma []float64, floor float64) func(float64) float64 {
	g := append([]float64(nil), gamma...)
	for i := 1; i < len(g); i++ {
		g[i] = math.Max(g[i], g[i-1])
	}
	last := len(g) - 1
	rise := g[0] / float64(lags[0])
	if last > 0 {
		rise = (g[last] - g[last-1]) / float64(lags[last]-lags[last-1])
	}
	limit := math.Max(floor, g[last])
	step := (x[len(x)-1] - x[0]) / float64(len(x)-1)
	return func(h float64) float64 {
		d := h / step
		if d <= float64(lags[0]) {
			return g[0] * d / float64(lags[0])
		}
		for i := 1; i <= last; i++ {
			if d <= float64(lags[i]) {
				return g[i-1] + (g[i]-g[i-1])*(d-float64(lags[i-1]))/float64(lags[i]-lags[i-1])
			}
		}
		return math.Min(limit, g[last]+rise*(d-float64(lags[last])))
	}
}

// contrast is the variance of the least-squares slope under a variogram 2γ.
// It is not negative for a valid variogram; rounding is cut at 0.
func contrast(x []float64, sxx float64, gamma func(h float64) float64) float64 {
	m := Mean(x)
	v := 0.0
	for i := range x {
		ci := (x[i] - m) / sxx
		for j := i + 1; j < len(x); j++ {
			v -= ci * (x[j] - m) / sxx * gamma(math.Abs(x[j]-x[i]))
		}
	}
	return math.Max(0, v)
}
