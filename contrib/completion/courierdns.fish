# fish completion of courierdns: commands, their options, and files where these take one.
complete -c courierdns -f
@fish@
