# Runs in MicroPython: CASE N checks N presentations and prints the heap in use afterwards.
# direct: owner -> rider, two signatures. delegated: owner -> issuer -> rider, three.
# repeated: the grants are known already, so one signature is left.
import gc
import json
import sys

HERE = __file__.rsplit("/", 1)[0]
sys.path.insert(0, HERE + "/../..")

from protocol import access, challenge, rsa  # noqa: E402


def main(case, times):
    name = "direct" if case == "repeated" else case
    with open(HERE + "/../vectors/access/" + name + ".json") as stream:
        given = json.load(stream)["input"]
    data = bytes.fromhex(given["presentations"][0]["data"])
    spent = bytes.fromhex(given["challenges"][0])
    vehicle = given["vehicle"]
    authority = access.Authority(
        vehicle["id"], bytes.fromhex(vehicle["owner"]), vehicle["generation"], 0, []
    )
    clock = access.Clock(given["now"], True)
    gate = access.Gate(authority, challenge.Challenges(lambda size: spent))
    if case == "repeated":
        check(gate, data, clock)
    for _ in range(times):
        if case != "repeated":
            gate = access.Gate(authority, challenge.Challenges(lambda size: spent))
        check(gate, data, clock)
    gc.collect()
    print(gc.mem_alloc())


def check(gate, data, clock):
    gate.challenges.give(0, challenge.ONLINE_LIFE_MS)
    rsa.run(gate.check_steps(data, 0, clock))


main(sys.argv[1], int(sys.argv[2]))
