# $home_folder is where the vendor's own installer goes, $sets the file of variables below it, empty for none.
write_down "$stand_in_name" "$stand_in_name" "$@"
for word in "$@"; do
    case $word in
    --install-path=*) home_folder=${word#--install-path=} ;;
    esac
done

exported() {
    printf 'export %s="%s"\n' "$1" "$2"
}

before() {
    printf 'export %s="%s${%s:+:${%s}}"\n' "$1" "$2" "$1" "$1"
}

if [ -n "$sets" ]; then
    file=$home_folder/$sets
    folder=${file%/*}
    mkdir -p "$folder"
    set_variables >"$file"
fi
