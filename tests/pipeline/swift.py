"""An S3 server: OpenStack Swift, as clouds run it, behind nginx, as they have it.

nginx speaks HTTP/1.0 to it: in HTTP/1.1 Swift's answers to HEAD have a body, which DVC refuses.
"""

import getpass
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from stores import Store, free_port, require, served

REMOTE = Path(__file__).parents[2] / ".venv-remote/bin/python"
KEYS = {"AWS_ACCESS_KEY_ID": "test:tester", "AWS_SECRET_ACCESS_KEY": "testing"}
REGION = "us-east-1"
KINDS = ("account", "container", "object")
SERVER = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {filters} {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
account_autocreate = true
"""
FILTERS = ("catch_errors", "gatekeeper", "memcache", "bulk", "s3api", "tempauth", "slo")
HASHES = """
[swift-hash]
swift_hash_path_suffix = any
[storage-policy:0]
name = one
default = yes
"""
# a ring each: one device, one copy
RINGS = """
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(("account", "container", "object"), map(int, sys.argv[2:])):
    builder = RingBuilder(1, 1, 0)
    place = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d", "weight": 1}
    builder.add_dev(place)
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{kind}.ring.gz")
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""
CLIENT = """
import sys
from botocore.session import get_session
_, region, url, *key = sys.argv
client = get_session().create_client("s3", region, endpoint_url=url)
if key:
    client.put_object(Bucket="bucket", Key=f"store/{key[0]}", Body=sys.stdin.buffer.read())
else:
    client.create_bucket(Bucket="bucket")
"""


@contextmanager
def s3(folder: Path) -> Iterator[Store]:
    """Have a bucket, empty."""
    require("nginx", *(f"swift-{kind}-server" for kind in (*KINDS, "proxy")))
    (folder / "devices/d").mkdir(parents=True)
    ports = [free_port() for _ in (*KINDS, "proxy", "nginx")]
    *_, behind, port = ports
    (folder / "swift.conf").write_text(HASHES)
    rings = ["/usr/bin/python3", "-c", RINGS, str(folder), *map(str, ports[:3])]
    subprocess.run(rings, check=True)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, behind=behind))
    with ExitStack() as servers:
        for kind, place in zip((*KINDS, "proxy"), ports, strict=False):
            servers.enter_context(_swift(folder, kind, place))
        nginx = ["/usr/sbin/nginx", "-e", f"{folder}/nginx.err", "-c", f"{folder}/nginx.conf"]
        servers.enter_context(served(nginx, port, folder / "nginx.log"))
        url = f"http://127.0.0.1:{port}"
        _ask(url)
        yield Store(
            url="s3://bucket/store",
            put=lambda key, data: _ask(url, key, data=data),
            options={"endpointurl": url, "region": REGION},
            secrets=KEYS,
        )


def _swift(folder: Path, kind: str, port: int) -> AbstractContextManager[None]:
    conf = folder / f"{kind}.conf"
    filters = FILTERS if kind == "proxy" else ()
    text = SERVER.format(
        port=port, user=getpass.getuser(), folder=folder, kind=kind, filters=" ".join(filters)
    )
    text += "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in filters)
    text = text.replace("#tempauth\n", "#tempauth\nuser_test_tester = testing .admin\n")
    conf.write_text(text.replace("#s3api\n", f"#s3api\nlocation = {REGION}\n"))
    return served([f"swift-{kind}-server", str(conf), "-v"], port, folder / f"{kind}.log")


def _ask(url: str, *key: str, data: bytes = b"") -> None:
    """Make the bucket, or put bytes where an object is."""
    command = [str(REMOTE), "-c", CLIENT, REGION, url, *key]
    subprocess.run(command, env=KEYS, input=data, check=True, timeout=60)
