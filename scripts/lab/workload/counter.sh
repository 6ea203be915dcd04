#!/bin/sh
# What every unit of the lab runs: writes down that it runs, when and where, on a disk that all machines share.
#   counter.sh UNIT MACHINE DIRECTORY
# Each line of DIRECTORY/UNIT: seconds since the kernel's boot, what happened, which run of the unit it is, which machine.
# All machines have the same kernel, so the clock is the same everywhere; a line is one write at the file's end.
unit=$1 machine=$2 file=$3/$1
read -r run </proc/sys/kernel/random/uuid
note() {
  read -r now rest </proc/uptime
  echo "$now $1 $run $machine" >>"$file"
}
finish() {
  note stop
  exit 0
}
trap finish TERM INT
note start
while :; do
  sleep 0.2 &
  wait $!
  note beat
done
