"""Everyday requests in Portuguese."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

PORTUGUESE = Topic(
    name="portuguese",
    asks=(
        "Escreva {texto} sobre {assunto} para {leitor}.",
        "Como posso {acao} se {problema}?",
        "Explique {assunto} de forma simples para {leitor}.",
        "Preciso {acao} até {dia} e {problema}. O que você sugere?",
        "Revise {texto} da {own}, que fala sobre {assunto}.",
        "Me dê {n} ideias para {acao} com {leitor}.",
    ),
    follow_ups=(
        "Mais curto, por favor.",
        "E se {problema}?",
        "Agora para {leitor}.",
        "não entendi a parte sobre {assunto}",
        "Transforme em {texto}.",
        "Certo, e como faço para {acao}?",
    ),
    slots={
        "texto": words(
            "uma carta | um e-mail | um conto | um resumo | um discurso | um anúncio | uma resenha | um roteiro"
        ),
        "assunto": words(
            """o aluguel | a horta | a conta de luz | o coral da igreja | o vestibular | o trabalho remoto | a
            coleta seletiva | uma viagem de ônibus | o trabalho de conclusão | as abelhas | a feira de domingo |
            a praia limpa"""
        ),
        "leitor": words("minha chefe | os vizinhos | crianças | um cliente | a prefeitura | meu avô | a turma"),
        "acao": words(
            """organizar meus recibos | pedir uma bolsa | consertar uma goteira | planejar uma festa | aprender a
            nadar | vender a moto | montar um site | preparar uma entrevista | economizar água | cozinhar para
            vinte"""
        ),
        "problema": words(
            "não tenho tempo | falta dinheiro | ninguém responde | chove muito | perdi a senha | somos poucos"
        ),
        "dia": words("segunda | terça | quinta | sexta | domingo"),
    },
)
