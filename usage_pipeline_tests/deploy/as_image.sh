# Runs a command as the image does, where there is no container engine: as user 10001 without any right, on a root that
# cannot be written, with /tmp and a data folder of its own. Arguments: an empty folder, the environment of the wheel, the
# folder of the interpreter that it was made of, then the command's words.
# It is called in a mount namespace of its own (unshare --mount), which takes everything with it.
set -eu
root=$1 environment=$2 interpreter=$3
shift 3
mount --make-rprivate /
mount --rbind / "$root"
mount -o remount,ro,bind "$root"
case $interpreter in
/root/*) # Nobody but root looks into root's home: the interpreter alone is shown.
    mount -t tmpfs -o mode=755 none "$root/root"
    mkdir -p "$root$interpreter"
    mount --bind "$interpreter" "$root$interpreter"
    mount -o remount,ro,bind "$root$interpreter"
    ;;
esac
mount -t tmpfs -o mode=1777 none "$root/tmp"
mkdir -p "$root/tmp/opt" "$root/tmp/config"
install -d -o 10001 -g 10001 -m 0700 "$root/tmp/data"
mount --bind "$environment" "$root/tmp/opt"
mount -o remount,ro,bind "$root/tmp/opt"
{ cat /etc/passwd; echo "usage-pipeline:x:10001:10001::/tmp/data:/usr/sbin/nologin"; } >"$root/tmp/passwd"
mount --bind "$root/tmp/passwd" "$root/etc/passwd"
printf 'version: 1\nsources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]\n' >"$root/tmp/config/usage_pipeline.yaml"
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    env -i PATH=/usr/bin:/bin HOME=/tmp/data USAGE_PIPELINE_HOME=/tmp/data \
    USAGE_PIPELINE_CONFIG=/tmp/config/usage_pipeline.yaml /tmp/opt/bin/python -m usage_pipeline "$@"
