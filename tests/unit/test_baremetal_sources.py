"""Nodes read from tables, Ansible inventories and SSH configurations."""

from __future__ import annotations

import pytest

from yk8s_tui.backends.node_sources import ParsedNodes, detect, parse_nodes

TABLE = """\
# our machines
name,address,roles,user,port
fe1,10.0.0.2,frontend,root,22
cp1,10.0.0.3,control-plane,debian,2222
w1,10.0.0.4,worker
"""

INI = """\
[all:vars]
ansible_user=debian
ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q jumper@198.51.100.7 -p 2200"'

[frontends]
fe1 ansible_host=198.51.100.9 ip=10.0.0.2

[masters]
cp[1:2] ansible_host=10.0.0.9
cp2 ansible_host=10.0.0.10 ansible_become_password=hunter2

[workers]
w1.example.com ansible_host=10.0.0.20 ansible_port=2222

[k8s:children]
masters
workers
"""

YAML = """\
all:
  vars:
    ansible_user: ubuntu
  children:
    kube_control_plane:
      hosts:
        node1: {ansible_host: 198.51.100.1, ip: 10.0.0.1}
    etcd:
      hosts:
        node1:
    kube_node:
      hosts:
        node2: {ansible_host: 10.0.0.2, ansible_ssh_private_key_file: ~/.ssh/lab}
"""

SSH = """\
Host bastion
  HostName 198.51.100.1
  User ops
  Port 2200

Host cp-1
  HostName 10.0.0.1
Host worker-1 worker-2
  ProxyJump bastion
Host worker-1
  HostName 10.0.0.2
Host worker-2
  HostName 10.0.0.3

Host *
  User debian
  IdentityFile ~/.ssh/cluster
"""


def by_name(parsed: ParsedNodes) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {node.name: (str(node.address), node.ssh_user, node.roles) for node in parsed.nodes}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TABLE, "table"),
        (INI, "ansible-ini"),
        (YAML, "ansible-yaml"),
        (SSH, "ssh-config"),
        ("\n# x\n", "empty"),
    ],
)
def test_formats_are_recognised(text: str, kind: str) -> None:
    assert detect(text) == kind
    assert parse_nodes(text).kind == kind


def test_a_table_with_header() -> None:
    parsed = parse_nodes(TABLE)
    assert not parsed.problems
    assert by_name(parsed)["cp1"] == ("10.0.0.3", "debian", ("control-plane",))
    assert parsed.nodes[1].ssh_port == 2222
    assert parsed.nodes[2].ssh_user == "root"


@pytest.mark.parametrize(
    "text", ["n1;10.0.0.1;frontend+cp;admin", "n1\t10.0.0.1\tfe/master\tadmin", "n1 10.0.0.1 fe,cp admin"]
)
def test_a_table_in_order_with_any_separator(text: str) -> None:
    assert by_name(parse_nodes(text)) == {"n1": ("10.0.0.1", "admin", ("frontend", "control-plane"))}


def test_headers_in_other_words_and_other_order() -> None:
    parsed = parse_nodes("Role;IP Address;Hostname;Rack;Labels\nworker;10.0.0.1;w1;7;zone=a disk=ssd\n")
    assert by_name(parsed) == {"w1": ("10.0.0.1", "root", ("worker",))}
    assert parsed.nodes[0].labels == {"zone": "a", "disk": "ssd"}
    assert [p.key for p in parsed.problems] == ["Rack"]


def test_an_ini_inventory() -> None:
    parsed = parse_nodes(INI)
    nodes = {node.name: node for node in parsed.nodes}
    assert list(nodes) == ["fe1", "cp1", "cp2", "w1"]
    assert str(nodes["fe1"].address) == "10.0.0.2"
    assert nodes["fe1"].ssh_address == "198.51.100.9"
    assert nodes["cp1"].roles == ("control-plane",)
    assert nodes["w1"].ssh_port == 2222
    assert {node.ssh_user for node in parsed.nodes} == {"debian"}
    assert {node.jump for node in parsed.nodes} == {"jumper@198.51.100.7:2200"}
    assert nodes["cp2"].sudo == "password"
    assert "hunter2" not in str(parsed)


def test_a_yaml_inventory_as_kubespray_writes_it() -> None:
    parsed = parse_nodes(YAML)
    assert by_name(parsed) == {
        "node1": ("10.0.0.1", "ubuntu", ("control-plane",)),
        "node2": ("10.0.0.2", "ubuntu", ("worker",)),
    }
    assert parsed.nodes[0].ssh_address == "198.51.100.1"
    assert parsed.nodes[1].ssh_key == "~/.ssh/lab"


def test_an_ssh_configuration() -> None:
    parsed = parse_nodes(SSH)
    assert by_name(parsed) == {
        "cp-1": ("10.0.0.1", "debian", ("control-plane",)),
        "worker-1": ("10.0.0.2", "debian", ("worker",)),
        "worker-2": ("10.0.0.3", "debian", ("worker",)),
    }
    assert parsed.nodes[1].jump == "ops@198.51.100.1:2200"
    assert parsed.nodes[0].jump == ""
    assert {node.ssh_key for node in parsed.nodes} == {"~/.ssh/cluster"}
    assert any(p.key == "bastion" for p in parsed.problems)


def test_every_problem_is_reported_with_its_line() -> None:
    text = "a,10.0.0.1,worker\nb,10.0.0.1,worker\nc,nowhere,worker\nd,10.0.0.4,king\ne,10.0.0.5,worker,root,99999\n"
    parsed = parse_nodes(text)
    assert list(by_name(parsed)) == ["a"]
    assert [(p.line, p.key) for p in parsed.errors][:2] == [(2, "b"), (3, "c.address")]
    assert {p.line for p in parsed.errors} == {2, 3, 4, 5}


def test_names_are_resolved_when_a_resolver_is_given() -> None:
    parsed = parse_nodes("Host w1\n  HostName w1.example.com\n", resolve={"w1.example.com": "10.0.0.7"}.get)
    assert str(parsed.nodes[0].address) == "10.0.0.7"
    assert parsed.nodes[0].ssh_address == "w1.example.com"


@pytest.mark.parametrize(
    "text", ["all: [", "all:\n  hosts: 3\n", "[a\n", "Host\n", ",,,\n", "\x00", "[w]\na 'b\n", "- x\n"]
)
def test_nonsense_never_raises(text: str) -> None:
    assert not parse_nodes(text).nodes
