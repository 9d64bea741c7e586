"""Everyday requests in French."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

FRENCH = Topic(
    name="french",
    asks=(
        "Rédige {texte} sur {sujet} pour {lecteur}.",
        "Comment faire pour {action} quand {souci} ?",
        "Explique {sujet} simplement à {lecteur}.",
        "Je dois {action} avant {jour} et {souci}. Que proposes-tu ?",
        "Relis {texte} de {own} : il parle de {sujet}.",
        "Donne-moi {n} idées pour {action} avec {lecteur}.",
        "Quelle est la différence entre {sujet} et {sujet2} ?",
    ),
    follow_ups=(
        "Plus court, s'il te plaît.",
        "Et si {souci} ?",
        "Maintenant pour {lecteur}.",
        "je ne comprends pas le passage sur {sujet}",
        "Fais-en {texte}.",
        "D'accord, et pour {action} ?",
    ),
    slots={
        "texte": words("une lettre | un courriel | un conte | un résumé | un discours | une annonce | un compte rendu"),
        "sujet": words(
            """le loyer | le potager | la facture de gaz | la chorale | le baccalauréat | le télétravail | le tri
            des déchets | un voyage à vélo | le mémoire de master | les abeilles | le marché de Noël |
            l'histoire du quartier"""
        ),
        "sujet2": words("l'hypothèque | le compost | l'électricité | l'orchestre | la licence | les vacances"),
        "lecteur": words(
            "ma directrice | les voisins | des enfants | un client | la mairie | mon grand-père | la classe"
        ),
        "action": words(
            """classer mes factures | demander une bourse | réparer une fuite | organiser une fête | apprendre à
            nager | vendre la voiture | créer un site | préparer un entretien | économiser l'eau | cuisiner pour
            vingt"""
        ),
        "souci": words(
            "le temps manque | l'argent manque | personne ne répond | il pleut | j'ai perdu le code | on est peu"
        ),
        "jour": words("lundi | mardi | jeudi | vendredi | dimanche"),
    },
)
