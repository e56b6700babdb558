"""FarmHash's Fingerprint64, which BigQuery calls FARM_FINGERPRINT.

Written from the published algorithm (google/farmhash, farmhashna); checked against the values
in BigQuery's documentation.
"""

MASK = 0xFFFFFFFFFFFFFFFF
K0 = 0xC3A5C85C97CB3127
K1 = 0xB492B66FBE98F273
K2 = 0x9AE16A3B2F90404F
SEED = 81


def fingerprint(data: bytes) -> int:
    """Return the fingerprint as a signed 64-bit integer."""
    found = _hash(data)
    return found - (1 << 64) if found >= 1 << 63 else found


def _hash(data: bytes) -> int:
    length = len(data)
    if length <= 16:  # noqa: PLR2004 (the algorithm's own steps)
        return _short(data)
    if length <= 32:  # noqa: PLR2004
        return _medium(data)
    if length <= 64:  # noqa: PLR2004
        return _long(data)
    return _longest(data)


def _fetch64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _fetch32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _rotate(value: int, by: int) -> int:
    return ((value >> by) | (value << (64 - by))) & MASK


def _mixed(value: int) -> int:
    return value ^ (value >> 47)


def _pair(low: int, high: int, factor: int) -> int:
    first = ((low ^ high) * factor) & MASK
    first ^= first >> 47
    second = ((high ^ first) * factor) & MASK
    second ^= second >> 47
    return (second * factor) & MASK


def _short(data: bytes) -> int:
    length = len(data)
    if length >= 8:  # noqa: PLR2004
        factor = (K2 + length * 2) & MASK
        first = (_fetch64(data, 0) + K2) & MASK
        second = _fetch64(data, length - 8)
        third = (_rotate(second, 37) * factor + first) & MASK
        fourth = ((_rotate(first, 25) + second) * factor) & MASK
        return _pair(third, fourth, factor)
    if length >= 4:  # noqa: PLR2004
        factor = (K2 + length * 2) & MASK
        first = _fetch32(data, 0)
        return _pair((length + (first << 3)) & MASK, _fetch32(data, length - 4), factor)
    if length > 0:
        first, second, third = data[0], data[length >> 1], data[length - 1]
        low = first + (second << 8)
        high = length + (third << 2)
        return (_mixed((low * K2 ^ high * K0) & MASK) * K2) & MASK
    return K2


def _medium(data: bytes) -> int:
    length = len(data)
    factor = (K2 + length * 2) & MASK
    first = (_fetch64(data, 0) * K1) & MASK
    second = _fetch64(data, 8)
    third = (_fetch64(data, length - 8) * factor) & MASK
    fourth = (_fetch64(data, length - 16) * K2) & MASK
    low = (_rotate((first + second) & MASK, 43) + _rotate(third, 30) + fourth) & MASK
    high = (first + _rotate((second + K2) & MASK, 18) + third) & MASK
    return _pair(low, high, factor)


def _long(data: bytes) -> int:
    length = len(data)
    factor = (K2 + length * 2) & MASK
    first = (_fetch64(data, 0) * K2) & MASK
    second = _fetch64(data, 8)
    third = (_fetch64(data, length - 8) * factor) & MASK
    fourth = (_fetch64(data, length - 16) * K2) & MASK
    low = (_rotate((first + second) & MASK, 43) + _rotate(third, 30) + fourth) & MASK
    high = _pair(low, (first + _rotate((second + K2) & MASK, 18) + third) & MASK, factor)
    fifth = (_fetch64(data, 16) * factor) & MASK
    sixth = _fetch64(data, 24)
    seventh = ((low + _fetch64(data, length - 32)) * factor) & MASK
    eighth = ((high + _fetch64(data, length - 24)) * factor) & MASK
    last = (_rotate((fifth + sixth) & MASK, 43) + _rotate(seventh, 30) + eighth) & MASK
    return _pair(last, (fifth + _rotate((sixth + first) & MASK, 18) + seventh) & MASK, factor)


def _weak(data: bytes, at: int, first: int, second: int) -> tuple[int, int]:
    word, other, another, last = (_fetch64(data, at + step) for step in (0, 8, 16, 24))
    first = (first + word) & MASK
    second = _rotate((second + first + last) & MASK, 21)
    before = first
    first = (first + other + another) & MASK
    second = (second + _rotate(first, 44)) & MASK
    return (first + last) & MASK, (second + before) & MASK


def _longest(data: bytes) -> int:
    x = SEED
    y = (SEED * K1 + 113) & MASK
    z = (_mixed((y * K2 + 113) & MASK) * K2) & MASK
    v, w = (0, 0), (0, 0)
    x = (x * K2 + _fetch64(data, 0)) & MASK
    end = ((len(data) - 1) // 64) * 64
    for at in range(0, end, 64):
        x = (_rotate((x + y + v[0] + _fetch64(data, at + 8)) & MASK, 37) * K1) & MASK
        y = (_rotate((y + v[1] + _fetch64(data, at + 48)) & MASK, 42) * K1) & MASK
        x ^= w[1]
        y = (y + v[0] + _fetch64(data, at + 40)) & MASK
        z = (_rotate((z + w[0]) & MASK, 33) * K1) & MASK
        v = _weak(data, at, (v[1] * K1) & MASK, (x + w[0]) & MASK)
        w = _weak(data, at + 32, (z + w[1]) & MASK, (y + _fetch64(data, at + 16)) & MASK)
        z, x = x, z
    return _finish(data, (x, y, z), v, w)


def _finish(
    data: bytes, state: tuple[int, int, int], v: tuple[int, int], w: tuple[int, int]
) -> int:
    x, y, z = state
    factor = (K1 + ((z & 0xFF) << 1)) & MASK
    at = len(data) - 64
    w = ((w[0] + ((len(data) - 1) & 63)) & MASK, w[1])
    v = ((v[0] + w[0]) & MASK, v[1])
    w = ((w[0] + v[0]) & MASK, w[1])
    x = (_rotate((x + y + v[0] + _fetch64(data, at + 8)) & MASK, 37) * factor) & MASK
    y = (_rotate((y + v[1] + _fetch64(data, at + 48)) & MASK, 42) * factor) & MASK
    x ^= (w[1] * 9) & MASK
    y = (y + v[0] * 9 + _fetch64(data, at + 40)) & MASK
    z = (_rotate((z + w[0]) & MASK, 33) * factor) & MASK
    v = _weak(data, at, (v[1] * factor) & MASK, (x + w[0]) & MASK)
    w = _weak(data, at + 32, (z + w[1]) & MASK, (y + _fetch64(data, at + 16)) & MASK)
    z, x = x, z
    low = (_pair(v[0], w[0], factor) + _mixed(y) * K0 + z) & MASK
    high = (_pair(v[1], w[1], factor) + x) & MASK
    return _pair(low, high, factor)
