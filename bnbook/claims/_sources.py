"""Who says it: the sources of claims by author and year, as the bibliography has them.

The package has no bibliography when it is installed, so the names stand here; a test holds them
equal to those of book/references.bib.
"""

from __future__ import annotations

NAMES = {
    "chang2017why": "Source A 2017",
    "ng2017why": "Ng 2017",
    "notes2015ioffe": "Source C 2015",
    "debrief2018": "Source D 2018",
    "replication": "Source E",
    "ioffe2015batch": "Ioffe and Szegedy 2015",
    "santurkar2018how": "Santurkar et al. 2018",
    "bjorck2018understanding": "Bjorck et al. 2018",
    "yang2019mean": "Yang et al. 2019",
    "daneshmand2020batch": "Daneshmand et al. 2020",
    "wu2021rethinking": "Wu and Johnson 2021",
    "li2019understanding": "Li et al. 2019",
    "vanlaarhoven2017l2": "van Laarhoven 2017",
    "ba2016layer": "Ba et al. 2016",
    "he2016deep": "He et al. 2016",
    "ioffe2017batch": "Ioffe 2017",
    "wu2018group": "Wu and He 2018",
    "qiao2019micro": "Qiao et al. 2019",
    "lecun1998efficient": "LeCun et al. 1998",
    "shimodaira2000improving": "Shimodaira 2000",
    "schneider2020improving": "Schneider et al. 2020",
    "ghorbani2019investigation": "Ghorbani et al. 2019",
    "yao2020pyhessian": "Yao et al. 2020",
    "thompson1935criterion": "Thompson 1935",
    "mishkin2016all": "Mishkin and Matas 2016",
    "kingma2015adam": "Kingma and Ba 2015",
    "zhang2019fixup": "Zhang et al. 2019",
    "salimans2016weight": "Salimans and Kingma 2016",
    "frankle2021training": "Frankle et al. 2021",
    "luo2019towards": "Luo et al. 2019",
    "arora2019theoretical": "Arora et al. 2019",
    "wan2021spherical": "Wan et al. 2021",
    "kosson2024rotational": "Kosson et al. 2024",
    "cohen2021gradient": "Cohen et al. 2021",
    "lyu2022understanding": "Lyu et al. 2022",
    "keskar2017large": "Keskar et al. 2017",
    "smith2018bayesian": "Smith and Le 2018",
    "izmailov2018averaging": "Izmailov et al. 2018",
    "de2020batch": "De and Smith 2020",
    "bachlechner2021rezero": "Bachlechner et al. 2021",
    "brock2021high": "Brock et al. 2021",
    "zhang2019root": "Zhang and Sennrich 2019",
    "zhu2025transformers": "Zhu et al. 2025",
    "shen2020powernorm": "Shen et al. 2020",
    "singh2020filter": "Singh and Krishnan 2020",
    "goodfellow2015explaining": "Goodfellow et al. 2015",
    "galloway2019batch": "Galloway et al. 2019",
    "he2020momentum": "He et al. 2020",
    "hsieh2020noniid": "Hsieh et al. 2020",
    "jordan2023repair": "Jordan et al. 2023",
    "wu2023training": "Wu et al. 2023",
    "meterez2024towards": "Meterez et al. 2024",
}
"""Author and year by BibTeX key."""

LETTERS = {
    "A": "chang2017why",
    "B": "ng2017why",
    "C": "notes2015ioffe",
    "D": "debrief2018",
    "E": "replication",
}
"""The five sources that the book starts from."""


def author_year(key: str) -> str:
    """`Ioffe and Szegedy 2015` for a BibTeX key; a key that nobody named, as it is."""
    return NAMES.get(key, key)
