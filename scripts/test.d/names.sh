# Which integration tests a word means. Sourced by scripts/test.

# The integration test of that name, or else those with that text in their names.
tests_named() {
    local file name
    if [ -n "$1" ] && [ -e "Tests/Integration/$1.sh" ]; then
        echo "$1"
        return
    fi
    for file in Tests/Integration/*.sh; do
        name=$(basename "$file" .sh)
        [ "$name" = lib ] || case $name in *$1*) echo "$name" ;; esac
    done
}
