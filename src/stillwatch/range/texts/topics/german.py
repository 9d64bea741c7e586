"""Everyday requests in German."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

GERMAN = Topic(
    name="german",
    asks=(
        "Schreib {text} über {thema} für {leser}.",
        "Wie kann ich {handlung}, wenn {sorge}?",
        "Erkläre {leser} {thema} in einfachen Worten.",
        "Ich muss bis {tag} {handlung} und {sorge}. Was rätst du?",
        "Lies {text} von {own} durch, es geht um {thema}.",
        "Nenne {n} Ideen, um {handlung} zu können, auch wenn {sorge}.",
        "Was unterscheidet {thema} von {anderes}?",
    ),
    follow_ups=(
        "Kürzer, bitte.",
        "Und wenn {sorge}?",
        "Jetzt für {leser}.",
        "den Teil über {thema} verstehe ich nicht",
        "Mach daraus {text}.",
        "Gut, und wie kann ich {handlung}?",
    ),
    slots={
        "text": words(
            "einen Brief | eine Mail | ein Märchen | eine Zusammenfassung | eine Rede | eine Anzeige | ein Protokoll"
        ),
        "thema": words(
            """die Miete | den Schrebergarten | die Stromrechnung | den Chor | das Abitur | die Arbeit von zu Hause
            | die Mülltrennung | eine Radreise | die Masterarbeit | die Bienen | den Flohmarkt | die Heizung"""
        ),
        "anderes": words("einer Hypothek | Kompost | Gas | einem Orchester | einer Lehre | Urlaub"),
        "leser": words("meine Chefin | die Nachbarn | Kinder | Kunden | das Rathaus | meinen Opa | die Klasse"),
        "handlung": words(
            """Belege ordnen | ein Stipendium beantragen | ein Leck abdichten | ein Fest planen | schwimmen lernen
            | das Auto verkaufen | eine Seite bauen | ein Gespräch vorbereiten | Wasser sparen | für zwanzig
            kochen"""
        ),
        "sorge": words(
            "die Zeit fehlt | das Geld fehlt | niemand antwortet | es regnet | der Schlüssel weg ist | wir wenige sind"
        ),
        "tag": words("Montag | Dienstag | Donnerstag | Freitag | Sonntag"),
    },
)
