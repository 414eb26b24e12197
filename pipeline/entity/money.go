package entity

// moneyAt returns of how many tokens the sum at token i is: €12.5 million,
// US$ 40, 12 million euros, EUR 3,000, 15 USD.
func (c *scanner) moneyAt(i int) int {
	t := c.text(i)
	switch {
	case sign(t) || code(t):
		j := i + 1
		if code(t) && c.touches(j) && c.is(j, "$") {
			j++
		}
		if j >= len(c.tokens) || c.classAt(j) != number || !c.touches(j) && !c.tokens[j].gap {
			return 0
		}
		return c.scaled(j+1) - i
	case (t == "US" || t == "A" || t == "C" || t == "NZ" || t == "HK") && c.is(i+1, "$") && c.touches(i+1):
		if n := c.moneyAt(i + 1); n > 0 {
			return n + 1
		}
	case c.classAt(i) == number:
		j := c.scaled(i + 1)
		if c.touches(j) && sign(c.text(j)) {
			return j + 1 - i
		}
		if c.follows(j) && (sign(c.text(j)) || code(c.text(j)) || currency(c.text(j))) {
			return j + 1 - i
		}
	}
	return 0
}

// scaled returns the index after a word such as "million" at token i, else i.
func (c *scanner) scaled(i int) int {
	if i >= len(c.tokens) || !c.tokens[i].gap && !c.touches(i) {
		return i
	}
	switch c.text(i) {
	case "thousand", "million", "billion", "trillion", "m", "bn", "k", "tn", "mn", "M", "K", "B":
		return i + 1
	}
	return i
}

func sign(s string) bool { return s == "€" || s == "$" || s == "£" || s == "¥" || s == "₹" }

func code(s string) bool {
	switch s {
	case "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "SEK", "NOK", "DKK", "PLN", "INR", "AUD", "CAD":
		return true
	}
	return false
}

func currency(s string) bool {
	switch s {
	case "euro", "euros", "dollar", "dollars", "pound", "pounds", "yen", "yuan", "franc", "francs", "cent", "cents",
		"rupees", "krone", "kroner", "kronor", "zloty", "pence":
		return true
	}
	return false
}
