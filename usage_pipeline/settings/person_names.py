"""Whether two names are one person's: spelling, spaces, invisible characters and look-alike letters do not count."""

from unicodedata import category, normalize

# Letters that are drawn as a Latin one and that NFKD does not take apart; by alphabet.
_LOOK_ALIKES = {
    "a": "аɑαᴀӕꭺᎪ",
    "b": "ьƅвʙβᏏᏼ",
    "c": "сϲᴄⅽꮯᏟↄ",
    "d": "ԁɗđᴅⅾꭰᎠժ",
    "e": "еєɛεҽᴇ℮ꭼᎬ",
    "f": "ſϝꜰƒք",
    "g": "ɡƍցԍɢꮐᏀ",
    "h": "һհнʜħᎻꮋ",
    "j": "јϳյᴊȷꭻᎫ",
    "k": "кκᴋқƙᏦꮶ",
    "m": "мᴍⅿᎷꮇ",
    "n": "пոռɴŋπη",
    "o": "оοօσᴏøөο0๐໐०০〇ဝօ",
    "p": "рρᴘþꮲᏢϸ",
    "q": "ԛզգ",
    "r": "гᴦʀꭱᎡ",
    "s": "ѕʂꜱꮪᏚƽ",
    "t": "тτᴛŧꭲᎢ",
    "u": "υսᴜцʋꞟμ",
    "v": "νѵᴠⅴᏙꮩ",
    "w": "ԝωɯᴡաѡᎳꮃ",
    "x": "хχⅹ×",
    "y": "уγүʏყᎩ",
    "z": "ᴢᏃꮓζ",
    # One letter: which of them was meant cannot be seen.
    "l": "iі1|ıιɩӏǀᛁןוاɪℓլłᏞꮮʟ",
}
_TABLE = str.maketrans({drawn: latin for latin, all_drawn in _LOOK_ALIKES.items() for drawn in all_drawn})
# Capitals that look otherwise than their small letters.
_CAPITALS = str.maketrans({"Η": "h", "Ν": "n", "Μ": "m", "Υ": "y"})
_PAIRS = (("rn", "m"), ("vv", "w"))


def same_person(one: str, other: str) -> bool:
    """Returns whether a reader would take the two names for one.

    Rather one too many: two people whose names look alike cannot decide on each other's requests.
    """
    return not _readings(one).isdisjoint(_readings(other))


def _readings(name: str) -> set[str]:
    return {_seen(name), _seen(normalize("NFKC", name).translate(_CAPITALS))}


def _seen(name: str) -> str:
    """What is left for the eye of a name: its letters and digits, each as the plainest that is drawn like it."""
    plain = normalize("NFKD", normalize("NFKC", name).casefold()).translate(_TABLE)
    letters = "".join(letter for letter in plain if category(letter)[0] in "LN" and not _blank(letter))
    for drawn, latin in _PAIRS:
        letters = letters.replace(drawn, latin)
    return letters or "".join(name.split())


def _blank(letter: str) -> bool:
    """Hangul's fillers are letters that are drawn as nothing."""
    return letter in "\u115f\u1160\u3164\uffa0"
