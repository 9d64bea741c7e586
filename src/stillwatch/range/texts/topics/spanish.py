"""Everyday requests in Spanish."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

SPANISH = Topic(
    name="spanish",
    asks=(
        "Escríbeme {texto} sobre {tema} para {lector}.",
        "¿Cómo puedo {accion} si {problema}?",
        "Explica {tema} con palabras sencillas a {lector}.",
        "Necesito {accion} antes del {dia} y {problema}. ¿Qué me aconsejas?",
        "Corrige {texto} de {own}, que trata de {tema}.",
        "Dame {n} ideas para {accion} con {lector}.",
        "¿Qué diferencia hay entre {tema} y {tema2}? {problema_frase}",
    ),
    follow_ups=(
        "Más corto, por favor.",
        "¿Y si {problema}?",
        "Ahora para {lector}.",
        "No entiendo la parte de {tema}.",
        "Cámbialo por {texto}.",
        "vale, ¿y cómo hago para {accion}?",
    ),
    slots={
        "texto": words(
            "una carta | un correo | un cuento | un resumen | un discurso | un anuncio | una reseña | un guion"
        ),
        "tema": words(
            """el alquiler | la huerta | las facturas de la luz | el teatro de barrio | los exámenes | la vuelta al
            trabajo | el reciclaje | un viaje en tren | la tesis | las abejas | el fútbol femenino | la memoria
            familiar"""
        ),
        "tema2": words("la hipoteca | el compost | el gas | la danza | las prácticas | el descanso | la música"),
        "lector": words(
            "mi jefa | los vecinos | niños de ocho años | un cliente | el ayuntamiento | mi abuela | la clase"
        ),
        "accion": words(
            """ordenar mis recibos | pedir una beca | arreglar una gotera | organizar una fiesta | aprender a nadar
            | vender la moto | montar una web | preparar una entrevista | ahorrar agua | cocinar para veinte"""
        ),
        "problema": words(
            "no tengo tiempo | falta dinero | nadie responde | llueve mucho | perdí la clave | somos pocos"
        ),
        "problema_frase": words("No tengo mucho tiempo. | Es para mañana. | Nunca lo he entendido. | Pon un ejemplo."),
        "dia": words("lunes | martes | jueves | viernes | domingo"),
    },
)
