# C without its comments and with its strings and characters emptied, a line for a line:
# FILE:LINE:KIND:CODE, where KIND is c (code), r (remark, a comment alone) or b (blank).
FNR == 1 { in_comment = 0 }
{
	rest = $0
	code = ""
	while (rest != "") {
		if (in_comment) {
			at = index(rest, "*/")
			if (at == 0) break
			rest = substr(rest, at + 2)
			in_comment = 0
			code = code " "
		} else if (!match(rest, /["']|\/[\/*]/)) {
			code = code rest
			break
		} else {
			code = code substr(rest, 1, RSTART - 1)
			opening = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			if (opening == "//") break
			if (opening == "/*") {
				in_comment = 1
				continue
			}
			closing = opening == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^'\\\\]|\\\\.)*'"
			rest = match(rest, closing) ? substr(rest, RLENGTH + 1) : ""
			code = code opening opening
		}
	}
	kind = code ~ /[^ \t]/ ? "c" : $0 ~ /[^ \t]/ ? "r" : "b"
	print FILENAME ":" FNR ":" kind ":" code
}
