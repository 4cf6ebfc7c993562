"""The names that vendors give to spoken languages, as ISO 639-1 codes."""

from typing import Final

_LANGUAGES: Final = """
    af afr afrikaans, am amh amharic, ar ara arabic, as asm assamese, az aze azerbaijani, be bel belarusian,
    bg bul bulgarian, bn ben bengali, bs bos bosnian, ca cat catalan, cs ces czech, cy cym welsh, da dan danish,
    de deu german, el ell greek, en eng english, es spa spanish, et est estonian, eu eus basque, fa fas persian,
    fi fin finnish, fr fra french, ga gle irish, gl glg galician, gu guj gujarati, ha hau hausa, he heb hebrew,
    hi hin hindi, hr hrv croatian, hu hun hungarian, hy hye armenian, id ind indonesian, ig ibo igbo,
    is isl icelandic, it ita italian, ja jpn japanese, jv jav javanese, ka kat georgian, kk kaz kazakh, km khm khmer,
    kn kan kannada, ko kor korean, ku kur kurdish, ky kir kyrgyz, la lat latin, lb ltz luxembourgish,
    ln lin lingala, lo lao lao, lt lit lithuanian, lv lav latvian, mi mri maori, mk mkd macedonian,
    ml mal malayalam, mn mon mongolian, mr mar marathi, ms msa malay, mt mlt maltese, my mya myanmar, ne nep nepali,
    nl nld dutch, nn nno nynorsk, no nor norwegian, oc oci occitan, pa pan punjabi, pl pol polish, ps pus pashto,
    pt por portuguese, ro ron romanian, ru rus russian, sd snd sindhi, si sin sinhala, sk slk slovak,
    sl slv slovenian, sn sna shona, so som somali, sq sqi albanian, sr srp serbian, su sun sundanese,
    sv swe swedish, sw swa swahili, ta tam tamil, te tel telugu, tg tgk tajik, th tha thai, tk tuk turkmen,
    tl tgl tagalog, tr tur turkish, tt tat tatar, uk ukr ukrainian, ur urd urdu, uz uzb uzbek, vi vie vietnamese,
    wo wol wolof, xh xho xhosa, yi yid yiddish, yo yor yoruba, zh zho chinese, zu zul zulu,
    fa pes farsi, es spa castilian, no nob norwegian, tl fil filipino, zh cmn mandarin, ms zsm malay, my mya burmese,
    ar arb arabic, et ekk estonian, lv lvs latvian, ne npi nepali, sw swh swahili, az azj azerbaijani,
    uz uzn uzbek, ps pbt pashto
"""
_CODES: Final = {name: line.split()[0] for line in _LANGUAGES.split(",") for name in line.split()}


def iso_639_1(language: str | None) -> str:
    """Return the code for a code of two or three letters, a tag such as ``en-GB``, or an English name; else ""."""
    return _CODES.get((language or "").replace("_", "-").split("-")[0].strip().lower(), "")
