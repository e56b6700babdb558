"""A link that opens a new report in Looker Studio (Data Studio) with our views as its sources.

Parameters as documented for the Linking API
(https://developers.google.com/looker-studio/integrate/linking-api, read 2026-11-22).
"""

from urllib.parse import quote, urlencode

CREATE = "https://datastudio.google.com/reporting/create"
#: The views that become sources, in the order in which they are offered, by alias.
SOURCES = {
    "daily": "v_daily",
    "hourly": "v_hourly",
    "languages": "v_languages_hourly",
    "differences": "v_language_differences",
    "hashtags": "v_hashtags",
    "rising": "v_hashtags_rising",
    "pairs": "v_hashtag_pairs",
    "rules": "v_rules",
    "reach": "v_reach",
    "authors": "v_authors",
    "completeness": "v_completeness",
    "rejections": "v_rejections",
    "lag": "v_lag",
    "spend": "v_spend",
}


def link(project: str, dataset: str, *, billing_project: str = "", template: str = "") -> str:
    """Return the link.

    Args:
        project: the project that holds the dataset.
        dataset: the dataset of the views.
        billing_project: the project that pays for the viewing; the viewer's choice if empty.
        template: the id of a report to copy, whose sources have the aliases of `SOURCES`; a blank
            report if empty.
    """
    parameters = {"c.mode": "edit", "r.reportName": f"Tweets of {project}.{dataset}"}
    if template:
        parameters["c.reportId"] = template
    for alias, view in SOURCES.items():
        source = {
            "connector": "bigQuery",
            "type": "TABLE",
            "projectId": project,
            "datasetId": dataset,
            "tableId": view,
            "datasourceName": view,
        }
        if billing_project:
            source["billingProjectId"] = billing_project
        if template:
            source["refreshFields"] = "false"
        parameters |= {f"ds.{alias}.{name}": value for name, value in source.items()}
    return f"{CREATE}?{urlencode(parameters, quote_via=quote)}"
