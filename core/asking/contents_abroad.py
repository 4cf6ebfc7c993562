"""How a library itself is asked about in other languages than English: a handful of whole forms for each.

The nouns are those that are unmistakable: a lesson or an episode is one of the library, a page or a course may be
what the material is about.
"""

# ruff: noqa: RUF001 - forms of several scripts

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from core.library.store import SourceKind

_TOPIC: Final = r"(?P<topic>\S.{0,200}?)"
_DAY: Final = r"hoy|hoje|heute|aujourd'hui|oggi|сегодня|сьогодні|आज|hari ini|bugün|今天|今日(?:は)?|오늘|اليوم"
_WEEK: Final = (
    r"(?:(?:en |durante )?esta|nesta|em essa|diese|cette|questa|на этой|за эту|цього|за цей|इस|bu|这|今|本"
    r"|이번|هذا)? ?(?:minggu "
    r"ini|semana|woche|semaine|settimana|неделе|неделю|тижня|тиждень|हफ़्ते|हफ्ते|सप्ताह|hafta|周|週(?:は)?"
    r"|주|الأسبوع)"
)
_MONTH: Final = (
    r"(?:este|neste|diesen|ce|questo|в этом|за этот|цього|за цей|इस|bu|这个|今|本|이번|هذا)? ?(?:bulan ini"
    r"|mes|mês|monat|mois"
    r"|mese|месяце|месяц|місяця|місяць|महीने|ay|月(?:は)?|달|الشهر)"
)
_PERIOD: Final = rf"(?P<period>{_DAY}|{_WEEK}|{_MONTH})"
_PLEASE: Final = (
    r"(?:,? ?(?:por favor|bitte|s'il (?:te|vous) pla[iî]t|per favore|пожалуйста|будь ласка|lütfen|tolong|कृपया"
    r"|من فضلك))?"
)

_NOUNS: Final[Mapping[str, str]] = {
    "es": r"v[ií]deos?|lecci(?:ón|ones)|episodios?|tutorial(?:es)?|p[oó]dcasts?",
    "pt": r"v[ií]deos?|liç(?:ão|ões)|aulas?|episódios?|tutoria(?:l|is)|podcasts?",
    "it": r"video|lezion[ei]|episodio?|puntat[ae]|tutorial|podcast",
    "fr": r"vidéos?|leçons?|épisodes?|tutoriels?|tutos?|podcasts?",
    "de": r"videos?|lektion(?:en)?|episoden?|podcasts?|tutorials?",
    "ru": r"видео|ролик(?:и|ов|е|ах)?|урок(?:и|ов|е|ах)?|выпуск(?:и|ов|е|ах)?|подкаст(?:ы|ов|е|ах)?",
    "uk": r"відео|урок(?:и|ів|у|ах)?|випуск(?:и|ів|у|ах)?|подкаст(?:и|ів|і|ах)?",
    "tr": r"video(?:lar|da|larda)?|ders(?:ler|te|lerde)?|podcast(?:ler)?",
    "id": r"video|episode|pelajaran|tutorial|podcast|siniar",
    "hi": r"वीडियो|एपिसोड|पाठ|ट्यूटोरियल|पॉडकास्ट",
    "zh": r"视频|影片|课程视频|教程|播客",
    "ja": r"動画|ビデオ|レッスン|エピソード|チュートリアル|ポッドキャスト",
    "ko": r"동영상|영상|비디오|에피소드|튜토리얼|팟캐스트",
    "ar": r"(?:ال)?(?:فيديو(?:هات)?|دروس|درس|حلقات|حلقة|بودكاست)",
}
_WHICH: Final[Mapping[str, tuple[str, ...]]] = {
    "es": (
        r"(?:en )?(?:qué|que|cuál(?:es)?)(?: de (?:los|tus|sus))? {n} (?:(?:se )?hablas?|hablan|tratan?"
        r"|(?:se )?explican?"
        r"|muestran?) (?:de |del |sobre |acerca de )?{t}",
        r"(?:hay|tienes|tenéis|tienen) (?:algún |alguna |algunos |un |una )?{n} (?:sobre|acerca de"
        r"|que hablen? de) {t}",
    ),
    "pt": (
        r"(?:em )?(?:que|qual|quais)(?: dos| das)? {n} (?:falam?|tratam?|explicam?|mostram?) (?:de |do |da "
        r"|sobre )?{t}",
        r"(?:há|tem|têm|você tem|vocês têm) (?:algum |alguma |alguns |um |uma )?{n} (?:sobre|que fal[ae]m? de) {t}",
    ),
    "it": (
        r"(?:in )?(?:quale|quali|che) {n} (?:(?:si )?parla|parlano|parli|spieg[ai]|spiegano"
        r"|mostra(?:no)?) (?:di |del |della "
        r"|dei |su )?{t}",
        r"(?:c'è|ci sono|hai|avete) (?:un |una |dei |delle |qualche )?{n} (?:su|sul|sulla|sui|che parlan?o? di) {t}",
    ),
    "fr": (
        r"(?:dans )?quel(?:le)?s? {n} (?:parlent?|traitent?|expliquent?|montrent?) (?:de )?(?:du |des |d'|la "
        r"|le |les |l')?{t}",
        r"(?:y a-t-il|est-ce qu'il y a|il y a|as-tu|avez-vous|tu as|vous avez) (?:une |un |des )?{n} (?:sur"
        r"|à propos de) {t}",
    ),
    "de": (
        r"(?:in )?welche[srmn]?(?: der| deiner)? {n} (?:geht es um|handel[nt] von|erklär(?:t|en)|zeig(?:t"
        r"|en)|behandel[nt]"
        r"|sprichst du (?:über|von)|sprechen (?:über|von)) {t}",
        r"(?:gibt es|gibt's|hast du|habt ihr)(?: hier| auch)*(?: eine?n?| irgendwelche)? {n} (?:zu|zum|zur|über) {t}",
    ),
    "ru": (
        r"(?:в )?как(?:ое|ие|ом|их) {n} (?:рассказывается|рассказыва[ею]т|говорится|говор[ия]т"
        r"|объясняется) (?:о|об|про) {t}",
        r"(?:есть ли|у вас есть|у тебя есть|есть) (?:какие-нибудь )?{n} (?:о|об|про) {t}",
    ),
    "uk": (
        r"(?:[ув] )?як(?:е|і|ому|их) {n} (?:розповідається|розповіда[єю]ть?|говориться|говор[ия]ть|йдеться) про {t}",
        r"(?:чи є|у вас є|у тебе є|є) (?:якісь )?{n} про {t}",
    ),
    "tr": (
        r"hangi {n} {t} (?:hakkında|konusunda|anlatıyor|anlatılıyor|bahsediyor|bahsediliyor)",
        r"{t} (?:hakkında|ile ilgili|üzerine)(?: bir| hiç)? {n} var m[ıi]",
    ),
    "id": (
        r"(?:di )?{n} (?:mana|apa)(?: saja)? yang (?:membahas|menjelaskan|berbicara tentang|mengajarkan) {t}",
        r"(?:apakah )?(?:ada|punya) {n} (?:tentang|mengenai|soal) {t}",
    ),
    "hi": (
        r"(?:कौन ?सा|कौन ?से|किस) {n} (?:में )?{t} (?:के बारे में|के विषय में)(?: (?:है|हैं|बताया गया है"
        r"|बताता है|बात होती है))?",
        r"(?:क्या )?{t} (?:के बारे में|पर) कोई {n} (?:है|हैं)",
    ),
    "zh": (
        r"哪(?:个|些|一个|几个){n}(?:里|中)?(?:讲到|讲解|讲了|讲|介绍|提到|说到|解释)了?{t}",
        r"(?:这里)?有没有(?:关于|讲){t}的{n}",
    ),
    "ja": (
        r"どの{n}(?:で|が|は){t}(?:について|を)(?:説明|解説|話|紹介|扱|触れ).{{0,12}}",
        r"{t}(?:についての|に関する){n}(?:は|が)?(?:ありますか|あるの?)",
    ),
    "ko": (
        r"(?:어떤|어느) {n}(?:이|가|에서|은)? ?{t}(?:을|를|에 대해서?|에 관해) ?(?:설명|다루|다뤄|이야기"
        r"|말하|소개).{{0,8}}",
        r"{t}(?:에 대한|에 관한| 관련) {n}(?:이|가|은)? ?(?:있나요|있어요|있어|있습니까)",
    ),
    "ar": (
        r"(?:في )?أي {n} (?:يتحدث|تتحدث|يشرح|تشرح|يتناول|تتناول) (?:عن )?{t}",
        r"هل (?:يوجد|توجد|هناك|لديك|لديكم) (?:أي )?{n} (?:عن|حول) {t}",
    ),
}
_ALL: Final[Mapping[str, tuple[str, ...]]] = {
    "es": (
        r"(?:qué|que|cuáles|cuánt[oa]s) {n} (?:hay|tienes|tenéis|tienen)(?: aquí)?(?: (?:sobre|acerca de) {t})?",
        r"(?:muéstrame|enséñame|lista) (?:todos |todas )(?:los |las |tus )?{n}(?: (?:sobre|acerca de) {t})?",
    ),
    "pt": (
        r"(?:que|quais|quant[oa]s) {n} (?:há|tem|têm|existem|você tem)(?: aqui)?(?: sobre {t})?",
        r"(?:mostre|mostra|me mostre|liste)(?:-me)? (?:todos|todas)(?: os| as)? {n}(?: sobre {t})?",
    ),
    "it": (
        r"(?:quali|che|quant[ie]) {n} (?:ci sono|hai|avete)(?: qui)?(?: (?:su|sul|sulla|sui) {t})?",
        r"(?:mostrami|elenca) (?:tutti|tutte)(?: i| gli| le)? {n}(?: (?:su|sul|sulla|sui) {t})?",
    ),
    "fr": (
        r"(?:quel(?:le)?s|combien de) {n} (?:y a-t-il|il y a|as-tu|avez-vous|sont disponibles)(?: ici)?(?: sur {t})?",
        r"(?:montre[- ]moi|liste) (?:toutes|tous) (?:les |tes ){n}(?: sur {t})?",
    ),
    "de": (
        r"(?:welche|wie viele) {n} (?:gibt es|gibt's|hast du|habt ihr)(?: hier| denn)*(?: (?:zu|zum|zur|über) {t})?",
        r"(?:zeige?(?: mir)?|liste)(?: bitte)? alle(?: deine)? {n}(?: (?:zu|zum|zur|über) {t})?(?: auf)?",
    ),
    "ru": (
        r"(?:какие|сколько) {n}(?: (?:есть|здесь|тут|у вас|у тебя))+(?: (?:о|об|про) {t})?",
        r"(?:какие|сколько)(?: (?:есть|здесь|тут|у вас|у тебя))+ {n}(?: (?:о|об|про) {t})?",
        r"(?:покажи|перечисли)(?:те)?(?: мне)? все {n}(?: (?:о|об|про) {t})?",
    ),
    "uk": (
        r"(?:які|скільки) {n}(?: (?:є|тут|у вас|у тебе))+(?: про {t})?",
        r"(?:які|скільки)(?: (?:є|тут|у вас|у тебе))+ {n}(?: про {t})?",
        r"(?:покажи|покажіть|перелічи)(?: мені)? [ву]сі {n}(?: про {t})?",
    ),
    "tr": (
        r"(?:{t} (?:hakkında|ile ilgili) )?(?:burada )?(?:hangi|kaç) {n} var",
        r"(?:bütün|tüm) {n}(?:ı|i)? (?:göster|listele)",
    ),
    "id": (
        r"ada {n} apa saja(?: di sini)?(?: (?:tentang|mengenai) {t})?",
        r"{n} apa saja yang (?:ada|tersedia)(?: di sini)?(?: (?:tentang|mengenai) {t})?",
        r"(?:tampilkan|tunjukkan) semua {n}(?: (?:tentang|mengenai) {t})?",
    ),
    "hi": (
        r"(?:यहाँ |आपके पास )?(?:{t} (?:पर|के बारे में) )?(?:कौन ?से|कौन-कौन से|कितने) {n} हैं",
        r"(?:सभी|सारे) {n} (?:दिखाओ|दिखाइए|दिखाएँ)",
    ),
    "zh": (
        r"(?:关于{t})?(?:这里|你)?(?:都)?有(?:哪些|什么|多少个?){n}",
        r"(?:列出|显示|给我看)所有的?(?:关于{t}的)?{n}",
    ),
    "ja": (
        r"(?:ここには?)?(?:{t}について(?:の|は)?)?(?:どんな|どのような){n}が(?:ありますか|あるの?)",
        r"(?:すべて|全部|全て)の{n}を(?:見せて|表示|教えて|一覧).{{0,8}}",
    ),
    "ko": (
        r"(?:여기에? ?)?(?:{t}에 대한 )?(?:어떤|무슨|몇 개의) {n}(?:이|가)? ?(?:있나요|있어요|있어|있습니까)",
        r"(?:모든|전체) {n}(?:을|를)? ?(?:보여|나열).{{0,6}}",
    ),
    "ar": (
        r"ما (?:هي )?{n} (?:الموجودة|المتاحة|المتوفرة)(?: هنا)?(?: (?:عن|حول) {t})?",
        r"(?:اعرض|أرني) (?:كل|جميع) {n}(?: (?:عن|حول) {t})?",
    ),
}  # fmt: skip
_NEW: Final[Mapping[str, tuple[str, ...]]] = {
    "es": (r"(?:qué|que) hay de nuevo(?: {p})?", r"(?:los |las )?últim[oa]s {n}"),
    "pt": (r"(?:o )?que há de novo(?: {p})?", r"(?:os |as )?últim[oa]s {n}"),
    "it": (r"(?:che cosa|cosa|che) c'è di nuovo(?: {p})?", r"(?:gli |le )?ultim[ie] {n}"),
    "fr": (r"(?:quoi de neuf|qu'y a-t-il de nouveau)(?: {p})?", r"les (?:dernières|derniers) {n}"),
    "de": (
        r"was (?:ist|gibt es|gibt's) (?:hier )?neue?s?(?: {p})?",
        r"(?:die |deine )?(?:neusten|neuesten|letzten) {n}",
    ),
    "ru": (r"что (?:здесь |тут )?нового(?: {p})?", r"(?:последние|новые) {n}"),
    "uk": (r"що (?:тут )?нового(?: {p})?", r"(?:останні|нові) {n}"),
    "tr": (r"(?:{p} )?yeni ne var", r"(?:en yeni|son) {n}"),
    "id": (r"(?:ada )?apa yang baru(?: {p})?", r"{n} terbaru"),
    "hi": (r"(?:{p} )?(?:क्या नया|नया क्या) है", r"(?:नए|सबसे नए) {n}"),
    "zh": (r"{p}?有什么新(?:内容|视频)", r"最新的?{n}(?:有哪些)?"),
    "ja": (r"(?:{p})?(?:の)?(?:新着|新しいもの)は(?:ありますか|何ですか)", r"最新の{n}(?:は|を見せて)?"),
    "ko": (r"(?:{p} )?새로운 (?:것|거)(?:이|은)? ?(?:있나요|있어요|있어)", r"최신 {n}(?:을|를)?(?: 보여줘)?"),
    "ar": (r"ما (?:هو )?الجديد(?: {p})?", r"(?:آخر|أحدث) {n}"),
}
_VIDEO: Final = re.compile("v[ií]d[eé]o|видео|ролик|відео|वीडियो|视频|影片|動画|ビデオ|영상|비디오|فيديو")
_AUDIO: Final = re.compile("p[oó]dcast|siniar|подкаст|पॉडकास्ट|播客|ポッドキャスト|팟캐스트|بودكاست")
_EITHER: Final = re.compile("épisod|episod|episód|puntat|выпуск|випуск|एपिसोड|エピソード|에피소드|حلق")


@cache
def forms_abroad() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What is asked of the library, as in :class:`core.asking.contents.What`, with its form.

    Compiled for the first question and not at start-up, where it would take as long as a dozen other modules.
    """
    return tuple(_compiled())


def _compiled() -> Iterator[tuple[str, re.Pattern[str]]]:
    for what, forms in (("which", _WHICH), ("all", _ALL), ("new", _NEW)):
        for language, written in forms.items():
            for form in written:
                spelled = form.format(t=_TOPIC, p=_PERIOD, n=f"(?P<noun>{_NOUNS[language]})")
                yield what, re.compile(rf"{spelled}{_PLEASE}", re.IGNORECASE)


def kinds_called(noun: str) -> frozenset[SourceKind]:
    """The kinds that a noun of these languages stands for; empty for all of them."""
    if _VIDEO.search(noun):
        return frozenset({SourceKind.VIDEO})
    if _AUDIO.search(noun):
        return frozenset({SourceKind.AUDIO})
    return frozenset({SourceKind.VIDEO, SourceKind.AUDIO}) if _EITHER.search(noun) else frozenset()


def days_called(period: str) -> int:
    """The days of a period in words; 0 where it is none of these."""
    return next((days for days, said in ((7, _WEEK), (31, _MONTH), (1, _DAY)) if re.fullmatch(said, period)), 0)
