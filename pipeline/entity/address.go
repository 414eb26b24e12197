package entity

import (
	"strings"
	"unicode/utf8"
)

// addressEnd returns the end of the web or e-mail address that begins at
// start with a token of the class, 0 if none does.
func addressEnd(s string, start int, class class) int {
	switch class {
	case upper, lower, number:
		rest := s[start:]
		if hasFold(rest, "http://") || hasFold(rest, "https://") || hasFold(rest, "ftp://") {
			scheme := strings.Index(rest, "://") + 3
			if n := urlLen(rest); n > scheme {
				return start + n
			}
			return 0
		}
		if hasFold(rest, "www.") && len(rest) > 4 && (isLetterByte(rest[4]) || isDigit(rest[4])) {
			return start + urlLen(rest)
		}
		if n := emailLen(rest); n > 0 {
			return start + n
		}
	}
	return 0
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// urlLen returns the length of the address at the start of s: up to a blank or
// a sign that no address holds, without the punctuation of the sentence.
func urlLen(s string) int {
	end := strings.IndexAny(s, " \n<>\"`|{}\\^“”«»")
	if end < 0 {
		end = len(s)
	}
	for end > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:end])
		switch {
		case strings.ContainsRune(".,;:!?'’…*_", r):
		case r == ')' && strings.Count(s[:end], "(") < strings.Count(s[:end], ")"):
		case r == ']' && strings.Count(s[:end], "[") < strings.Count(s[:end], "]"):
		default:
			return end
		}
		end -= size
	}
	return end
}

// emailLen returns the length of the e-mail address at the start of s, 0 if
// there is none: a local part of what is commonly used, a domain with a point
// and a last label of letters.
func emailLen(s string) int {
	const maxLocal = 64 // RFC 5321, 4.5.3.1.1
	at := 0
	for at < len(s) && at <= maxLocal && isLocal(s[at]) {
		at++
	}
	if at == 0 || at >= len(s) || s[at] != '@' || s[at-1] == '.' {
		return 0
	}
	end := at + 1
	for end < len(s) && end-at <= 255 && (isLetterByte(s[end]) || isDigit(s[end]) || s[end] == '-' || s[end] == '.') {
		end++
	}
	domain := strings.TrimRight(s[at+1:end], ".-")
	point := strings.LastIndexByte(domain, '.')
	if point < 1 || len(domain)-point < 3 || strings.Contains(domain, "..") {
		return 0
	}
	for i := point + 1; i < len(domain); i++ {
		if !isLetterByte(domain[i]) {
			return 0
		}
	}
	return at + 1 + len(domain)
}

func isLocal(b byte) bool {
	return isLetterByte(b) || isDigit(b) || b == '.' || b == '_' || b == '%' || b == '+' || b == '-'
}

func isEmail(s string) bool { return emailLen(s) == len(s) }
