#!/usr/bin/env bash
# Finds a JDK, builds calidrop when its sources changed, and runs it.
#   ./run.sh [COMMAND OPTIONS]    ./run.sh --help lists the commands; without any, a chat
#   ./run.sh test                 runs every test
set -euo pipefail

script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in /*) script=$link ;; *) script=${script%/*}/$link ;; esac
done
case $script in */*) home=$(cd "${script%/*}" && pwd) ;; *) home=$PWD ;; esac

die() {
  printf 'run.sh: %s\n' "$1" >&2
  exit 1
}

# A JDK of version 25 or newer with a compiler and the Vector API. The `release` file tells without
# starting a Java.
suitable() {
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  local line version='' modules=''
  while IFS= read -r line; do
    case $line in
      JAVA_VERSION=*) version=${line#*=\"} ;;
      MODULES=*) modules=$line ;;
    esac
  done < "$1/release"
  version=${version%%[!0-9]*}
  [ "${version:-0}" -ge 25 ] || return 1
  case $modules in '' | *jdk.incubator.vector*) return 0 ;; *) return 1 ;; esac
}

find_jdk() {
  local path dir old_ifs=$IFS
  if [ -n "${JAVA_HOME:-}" ] && suitable "$JAVA_HOME"; then
    return
  fi
  IFS=:
  for path in $PATH; do
    if [ -x "$path/javac" ]; then
      dir=$path/javac
      while [ -L "$dir" ]; do
        path=$(readlink "$dir")
        case $path in /*) dir=$path ;; *) dir=${dir%/*}/$path ;; esac
      done
      dir=${dir%/bin/javac}
      if suitable "$dir"; then
        IFS=$old_ifs
        export JAVA_HOME=$dir
        return
      fi
    fi
  done
  IFS=$old_ifs
  for dir in /usr/lib/jvm/* /usr/java/* /opt/* /opt/java/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home \
    /usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home; do
    if suitable "$dir"; then
      export JAVA_HOME=$dir
      return
    fi
  done
  die "no JDK 25 or newer found in JAVA_HOME, PATH or the usual places. Install one (https://adoptium.net) or set JAVA_HOME to it."
}

maven() {
  command -v mvn > /dev/null || die "Maven (mvn) is not on the PATH. Install it: https://maven.apache.org/install.html"
  # Maven itself still uses what JDK 25 warns about.
  MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED ${MAVEN_OPTS:-}" \
    mvn -B -ntp -f "$home/pom.xml" "$@"
}

jar=$home/target/calidrop.jar

stale() {
  [ ! -f "$jar" ] || [ -n "$(find "$home/pom.xml" "$home/.mvn" "$home/src/main" -newer "$jar" -print -quit)" ]
}

build() {
  local log=$home/target/build.log lock=$home/target/build.lock
  mkdir -p "$home/target"
  local waited=0
  until mkdir "$lock" 2> /dev/null; do
    [ "$waited" -lt 300 ] || die "another build seems to be running; if none is, remove $lock"
    waited=$((waited + 1))
    sleep 1
  done
  trap 'rmdir "$lock" 2> /dev/null || true' EXIT
  if stale; then
    printf 'Building calidrop ...\n' >&2
    if ! maven -q package -DskipTests -Dspotless.check.skip > "$log" 2>&1; then
      tail -n 30 "$log" >&2
      die "the build failed; the whole log is in $log"
    fi
    touch "$jar"
  fi
  rmdir "$lock"
  trap - EXIT
}

find_jdk
if [ "${1:-}" = test ]; then
  shift
  maven verify "$@"
  exit
fi
if stale; then
  build
fi
terminals=
for fd in 0 1 2; do
  if [ -t $fd ]; then terminals=$terminals$fd; fi
done
# Kernels are compiled after a fiftieth of the calls that other code takes: they are known to be hot, and slow until then.
# Generating makes hardly any garbage: a small young generation keeps the memory that start-up leaves behind small,
# and every few seconds glibc gives back what the JIT compiler has freed, some 20 MB.
# The JVM announces at every start that the Vector API is incubating, and no option stops it. So its own
# messages pass through a filter, while the program writes to the real stderr, kept as descriptor 3.
# shellcheck disable=SC2086
exec "$JAVA_HOME/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  -Djava.awt.headless=true -XX:+UseSerialGC -Xms16m -Xmn8m -XX:TrimNativeHeapInterval=5000 -Xlog:trimnative*=off \
  -XX:CompileCommand=quiet \
  '-XX:CompileCommand=CompileThresholdScaling,io.calidrop.tensor.*::*,0.02' \
  '-XX:CompileCommand=CompileThresholdScaling,io.calidrop.attention.*::*,0.02' \
  -Dcalidrop.home="$home" -Dcalidrop.terminals="$terminals" -Dcalidrop.stderr=/dev/fd/3 \
  ${CALIDROP_JAVA_OPTS:-} -jar "$jar" "$@" \
  3>&2 2> >(exec grep -v --line-buffered '^WARNING: Using incubator modules: jdk.incubator.vector$' >&2)
