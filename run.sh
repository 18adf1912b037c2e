#!/usr/bin/env bash
# Finds a JDK, builds calidrop when its sources changed, and runs it.
#   ./run.sh [COMMAND OPTIONS]    ./run.sh --help lists the commands; without any, a chat
#   ./run.sh test                 runs every test
set -euo pipefail

# A closed descriptor would go to the first file that is opened, which messages would then be written into.
{ : <&0; } 2> /dev/null || exec < /dev/null
{ : >&1; } 2> /dev/null || exec > /dev/null
{ : >&2; } || exec 2> /dev/null

unset CDPATH
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

# Arguments and file names are UTF-8 in any locale: cron, containers and systemd have none, and others name one that is
# not installed, of which `locale` complains. Only the letters change, not the language, where there is one.
use_utf8() {
  local name
  [ "$(locale charmap 2>&1)" != UTF-8 ] || return 0
  for name in C.UTF-8 en_US.UTF-8 C.UTF-8; do
    [ "$(env LC_ALL=$name locale charmap)" != UTF-8 ] || break
  done
  if [ -n "${LC_ALL:-}" ]; then
    export LANG=$LC_ALL
    unset "${!LC_@}"
  fi
  export LC_CTYPE=$name
  [ "$(locale charmap 2>&1)" = UTF-8 ] || export LC_ALL=$name
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
  for dir in /usr/lib/jvm/* /usr/java/* /opt/* /opt/java/* ~/.sdkman/candidates/java/* ~/.jdks/* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home \
    /usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home; do
    if suitable "$dir"; then
      export JAVA_HOME=$dir
      return
    fi
  done
  die "no JDK 25 or newer found in JAVA_HOME, PATH or the usual places. Install one (https://adoptium.net) or set JAVA_HOME to it."
}

# Maven from the PATH where it is new enough for the build's plugins, otherwise what its wrapper fetches.
maven() {
  local mvn=$home/mvnw user repository=
  case $(mvn -v < /dev/null 2> /dev/null) in
    *'Apache Maven '[12].* | *'Apache Maven 3.'[0-5].* | *'Apache Maven 3.6.'[0-2]*) ;;
    *'Apache Maven '*) mvn=mvn ;;
  esac
  user=$(unset HOME && printf '%s' ~) # Java asks the system, not HOME
  if [ ! -w "$user" ] && [ ! -w "$user/.m2" ]; then
    repository=$home/target/m2/repository
    user=$home/target
  fi
  if [ ! -w "${TMPDIR:-/tmp}" ]; then
    export TMPDIR=$home/target
  fi
  # The wrapper unpacks with unzip; where there is none, the JDK does. Maven itself still uses what JDK 25 warns about.
  PATH=$PATH:$home/.mvn/bin MAVEN_USER_HOME=${MAVEN_USER_HOME:-$user/.m2} \
    MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED ${MAVEN_OPTS:-}" \
    "$mvn" -B -ntp -f "$home/pom.xml" ${repository:+"-Dmaven.repo.local=$repository"} "$@" < /dev/null
}

jar=$home/target/calidrop.jar
classes=$home/target/calidrop.jsa

stale() {
  [ ! -f "$jar" ] || [ -n "$(find "$home/pom.xml" "$home/.mvn" "$home/src/main" -newer "$jar" -print -quit)" ]
}

unprepared() {
  [ ! -f "$classes" ] || [ "$jar" -nt "$classes" ]
}

# Waits for a build that is going on. The lock of a process that was killed is gone with it; macOS has perl, but no flock.
lock() {
  if command -v flock > /dev/null; then
    flock "$@" 9
  elif command -v perl > /dev/null; then
    perl -MFcntl=:flock -e 'open my $file, ">&=9" or exit 0; exit !flock $file, @ARGV ? LOCK_EX | LOCK_NB : LOCK_EX' -- "$@"
  fi
}

# Classes as the JVM keeps them, so that no start needs to read and check them again: those of a short answer. A file
# that is empty says that this JVM could not make them.
archive() {
  local model=$home/target/tiny.gguf
  {
    "${java[@]}" -jar "$jar" bench make-model --shape tiny --type q4_1 --force "$model" &&
      "${java[@]}" -XX:ArchiveClassesAtExit="$classes.new" -jar "$jar" run -m "$model" -p hi -n 16 &&
      mv "$classes.new" "$classes"
  } > /dev/null 2>&1 < /dev/null || : > "$classes"
  rm -f "$model" "$classes.new"
}

build() {
  local log=$home/target/build.log
  exec 9> "$home/target/build-lock"
  if ! lock -n; then
    printf 'Waiting for another build of calidrop ...\n' >&2
    lock
  fi
  if stale || unprepared; then
    printf 'Building calidrop ...\n' >&2
  fi
  if stale; then
    if ! maven -q package -DskipTests -Dspotless.check.skip > "$log" 2>&1; then
      tail -n 30 "$log" >&2
      die "the build failed; the whole log is in $log"
    fi
    touch "$jar"
  fi
  if unprepared; then
    archive
  fi
  exec 9>&-
}

use_utf8 2> /dev/null
find_jdk
mkdir -p "$home/target" 2> /dev/null || true
if [ "${1:-}" = test ]; then
  shift
  maven verify "$@"
  exit
fi
# Kernels are compiled after a fiftieth of the calls that other code takes: they are known to be hot, and slow until then.
# A thread waits for them, as their slow form would only keep a core from the compiler; with two threads that warm them
# up, two of C2 have work, of which the JVM makes one where there are fewer than four processors.
# C2 replaces a loop while it runs only late: kernels return soon, and were compiled a second time for it.
# What hands them out is compiled as other code is: while warming up, it is not yet called as it will be. Rows of all
# formats are repacked by calls, or each format that comes would be compiled once more with its callers.
# What kernels are made of is compiled within them; by itself it is called only until then.
# Generating makes hardly any garbage: a small young generation keeps the memory that start-up leaves behind small,
# and every few seconds glibc gives back what the JIT compiler has freed, some 20 MB.
# The jar brings the Vector API itself: with --add-modules the JVM would announce at every start that it is incubating.
java=("$JAVA_HOME/bin/java" -Djava.awt.headless=true
  -XX:+UseSerialGC -Xms16m -Xmn8m -XX:TrimNativeHeapInterval=5000 '-Xlog:trimnative*=off' '-Xlog:cds*=off'
  -XX:CompileCommand=quiet
  '-XX:CompileCommand=CompileThresholdScaling,io.calidrop.tensor.*::*,0.02'
  '-XX:CompileCommand=CompileThresholdScaling,io.calidrop.attention.*::*,0.02'
  '-XX:CompileCommand=BackgroundCompilation,io.calidrop.tensor.*::*,false'
  '-XX:CompileCommand=BackgroundCompilation,io.calidrop.attention.*::*,false'
  '-XX:CompileCommand=dontinline,io.calidrop.tensor.*::repackRow'
  '-XX:CompileCommand=CompileThresholdScaling,jdk.internal.vm.vector.VectorSupport::*,100.0'
  -XX:Tier4BackEdgeThreshold=2000000 -Djdk.http.auth.tunneling.disabledSchemes= -Dcalidrop.home="$home")
for driver in tensor.WorkerPool tensor.MatrixLoader tensor.MatMul attention.AttentionStep; do
  java+=("-XX:CompileCommand=CompileThresholdScaling,io.calidrop.$driver*::*,1.0"
    "-XX:CompileCommand=BackgroundCompilation,io.calidrop.$driver*::*,true")
done
if [ "$(getconf _NPROCESSORS_ONLN 2> /dev/null || echo 4)" -lt 4 ]; then java+=(-XX:CICompilerCount=3); fi
if stale || unprepared; then
  if [ -w "$home/target" ]; then
    build
  elif [ ! -f "$jar" ]; then
    die "calidrop is not built, and $home/target cannot be written"
  elif stale; then
    printf 'run.sh: sources are newer than %s, which is used as it is: its folder cannot be written\n' "$jar" >&2
  fi
fi
if [ -s "$classes" ]; then java+=(-XX:SharedArchiveFile="$classes"); fi
terminals=
for fd in 0 1 2; do
  if [ -t $fd ]; then terminals=$terminals$fd; fi
done
# shellcheck disable=SC2086
exec "${java[@]}" -Dcalidrop.terminals="$terminals" ${CALIDROP_JAVA_OPTS:-} -jar "$jar" "$@"
