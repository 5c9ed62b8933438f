// Orthanc Explorer, extended: the state of the AI analysis and an "Analyze" button on the pages of
// studies, series and instances. Written for the jQuery 1.7 and jQuery Mobile 1.1 that Orthanc
// Explorer brings. Every text goes in by .text(): nothing of an answer becomes markup.
(function ($) {
  'use strict';

  var LEVELS = { study: 'studies', series: 'series', instance: 'instances' };
  var STATES = {
    queued: 'waiting',
    running: 'running',
    done: 'done',
    refused: 'not analysed',
    failed: 'failed',
    superseded: 'replaced by a newer reading',
    cancelled: 'cancelled'
  };
  var KINDS = { SEG: 'Segmentation', SC: 'Fused picture', SR: 'Report' };
  var REFRESH_MS = 1000;
  var RETRY_MS = 5000;
  var SHOWN_JOBS = 20;

  var current = null;
  var timer = null;

  function address(view, what) {
    return '../adjuvant/' + LEVELS[view.page] + '/' + encodeURIComponent(view.id) + '/' + what;
  }

  // `view` is one visit of one page; answers that arrive after the page was left are dropped.
  function request(view, method, what, success, failure) {
    $.ajax({
      url: address(view, what),
      type: method,
      data: method === 'POST' ? '{}' : undefined,
      dataType: 'json',
      headers: { 'Cache-Control': 'no-cache' },
      success: function (answer) {
        if (view === current) success(answer);
      },
      error: function (answer) {
        if (view === current) failure(answer);
      }
    });
  }

  function divider() {
    return $('<li>').attr('data-role', 'list-divider').text('AI analysis');
  }

  function line(title, details) {
    var item = $('<li>').append($('<h3>').text(title));
    if (details) item.append($('<p>').css('white-space', 'normal').text(details));
    return item;
  }

  function link(title, instance) {
    var target = '#instance?uuid=' + encodeURIComponent(instance);
    return $('<li>').append($('<a>').attr('href', target).text(title));
  }

  function button(view) {
    return $('<li>')
      .attr('data-icon', 'gear')
      .append(
        $('<a>')
          .attr('href', '#')
          .addClass('adjuvant-analyze')
          .text('Analyze')
          .click(function (event) {
            event.preventDefault();
            analyze(view);
          })
      );
  }

  // What was found, or why nothing was.
  function explain(job) {
    var area = job.summary && job.summary.gland_area_cm2;
    if (job.reason) return job.reason;
    if (job.state !== 'done') return job.model;
    if (job.summary && job.summary.gland_seen === false) return job.model + ': no gland seen';
    return typeof area === 'number' ? job.model + ': gland ' + area.toFixed(1) + ' cm²' : job.model;
  }

  function jobLines(view, job) {
    var title = job.interpretation + ': ' + (STATES[job.state] || job.state);
    var lines = [line(title, explain(job)).attr('data-adjuvant-state', job.state)];
    // Of another state, the results may be gone.
    if (view.page !== 'instance' || (job.state !== 'done' && job.state !== 'refused')) return lines;
    $.each(job.results || [], function (index, result) {
      lines.push(link(KINDS[result.kind] || result.kind, result.instance));
    });
    return lines;
  }

  function show(view, lines) {
    var list = $('#adjuvant-' + view.page);
    var focused = list.find('.adjuvant-analyze:focus').length > 0;
    list.empty().append(divider());
    $.each(lines, function (index, item) {
      list.append(item);
    });
    list.append(button(view)).listview('refresh');
    if (focused) list.find('.adjuvant-analyze').focus();
  }

  function fault(answer) {
    var problem = {};
    try {
      problem = $.parseJSON(answer.responseText) || {};
    } catch (unreadable) {
      problem.details = 'HTTP status ' + answer.status;
    }
    return line(problem.error || 'No answer', problem.details);
  }

  function showJobs(view, answer) {
    var lines = [];
    var pending = false;
    $.each(answer.jobs, function (index, job) {
      pending = pending || job.state === 'queued' || job.state === 'running';
      lines = lines.concat(jobLines(view, job));
    });
    if (answer.total > answer.jobs.length) {
      lines.push(line('and ' + (answer.total - answer.jobs.length) + ' more'));
    }
    // What is the same stays: a button that is replaced loses its focus, and a click under way.
    var text = JSON.stringify(answer);
    if (text !== view.shown) {
      if (!lines.length) lines = [line('not analysed yet')];
      show(view, view.problem ? [fault(view.problem)].concat(lines) : lines);
    }
    view.shown = text;
    if (pending) refreshLater(view, REFRESH_MS);
  }

  function refresh(view) {
    clearTimeout(timer);
    request(
      view,
      'GET',
      'jobs?limit=' + SHOWN_JOBS,
      function (answer) {
        showJobs(view, answer);
      },
      function (answer) {
        view.shown = null;
        show(view, [fault(answer)]);
        // No answer at all, or none now: it may pass.
        if (answer.status === 0 || answer.status >= 500) refreshLater(view, RETRY_MS);
      }
    );
  }

  function refreshLater(view, ms) {
    clearTimeout(timer);
    timer = setTimeout(function () {
      refresh(view);
    }, ms);
  }

  // Why it cannot be done stays above the jobs until it is asked for again.
  function analyze(view) {
    function asked(problem) {
      view.problem = problem;
      view.shown = null;
      refresh(view);
    }
    request(
      view,
      'POST',
      'analyze',
      function () {
        asked(null);
      },
      asked
    );
  }

  function enter(page) {
    var id = $.mobile.pageData && $.mobile.pageData.uuid;
    if (!id) return;
    current = { page: page, id: id, shown: null, problem: null };
    $('#adjuvant-' + page).remove();
    $('<ul>')
      .attr('id', 'adjuvant-' + page)
      .attr({ 'data-role': 'listview', 'data-inset': 'true' })
      .attr({ 'data-theme': 'd', 'data-divider-theme': 'c', 'aria-live': 'polite' })
      .insertAfter($('#' + page + '-info'))
      .listview();
    refresh(current);
  }

  // From one study, series or instance to another of the same page: the page is not shown anew.
  $(window).on('hashchange', function () {
    var data = $.mobile.pageData;
    if (current && data && data.active === current.page && data.uuid !== current.id) {
      enter(current.page);
    }
  });

  $.each(LEVELS, function (page) {
    $(document).on('pagebeforeshow', '#' + page, function () {
      enter(page);
    });
  });

  $(document).on('pagebeforehide', function () {
    current = null;
    clearTimeout(timer);
  });
})(jQuery);
