# What a stand-in's script begins with: `write_down NAME WORD…` adds a line to the calls of this image.
# $variables are the names of those that are written down with it.
calls=${FLAGRELEASE_STAND_IN_CALLS:-/opt/flagrelease-rehearsal/calls.jsonl}

quoted() {
    printf '"'
    printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037\177' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
    printf '"'
}

list() {
    between=
    for word in "$@"; do
        printf '%s' "$between"
        quoted "$word"
        between=', '
    done
}

pairs() {
    between=
    for variable in $variables; do
        if eval "[ -n \"\${$variable+set}\" ]"; then
            printf '%s' "$between"
            quoted "$variable"
            printf ': '
            eval "quoted \"\${$variable}\""
            between=', '
        fi
    done
}

write_down() {
    stand_in=$1
    shift
    mkdir -p "${calls%/*}"
    line=$(printf '{"argv": [%s], "env": {%s}, "stand_in": %s}' "$(list "$@")" "$(pairs)" "$(quoted "$stand_in")")
    printf '%s\n' "$line" >>"$calls"
}
