# bash completion of courierdns: commands, their options, and files where these take one.

_courierdns() {
@bash-names@
	local options='' values='' files='' words=''
	local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$now")
		return
	fi
	case ${COMP_WORDS[1]} in
@bash@
	esac
	case $files in
	*" $before "*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$now")
		return
		;;
	esac
	case $values in
	*" $before "*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options $words" -- "$now")
}
complete -F _courierdns courierdns
